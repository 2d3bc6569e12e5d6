"""A seed: the settings and the state with which a world starts, as a file beside a team's tests.

A person writes the fields at the top; `state` is what a saved world has beside them, in the format
of the state file. Each field may be missing.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from adyen_twin.core.faults import AnyFault
from adyen_twin.core.profiles import ProfileName
from adyen_twin.core.state import Endpoint, WalletState

Text = Annotated[str, msgspec.Meta(min_length=1)]
Whole = Annotated[int, msgspec.Meta(ge=0)]
#: The endings of YAML files; any other file is JSON.
YAML: Final = (".yaml", ".yml")


class SeedError(Exception):
    """A seed cannot be read or used; the message names the field."""


class Model(
    msgspec.Struct, rename="camel", kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A seed, or a part of one."""


class WalletSeed(Model):
    """The wallet of a shopper."""

    #: The number of the GoPay account; None: a random one.
    account: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    state: WalletState = WalletState.OK
    #: In rupiah, before it paid; None: the value of the knob `walletBalance`.
    balance: Whole | None = None
    #: What payments took from the balance, in rupiah.
    spent: int = 0


class TokenSeed(Model):
    """A token that a shopper has saved."""

    stored_payment_method_id: Text
    shopper_reference: Annotated[str, msgspec.Meta(min_length=3, max_length=256)]
    models: list[str] = msgspec.field(default_factory=lambda: ["Subscription"])
    #: None: the world's merchant account.
    merchant_account: Text | None = None
    #: The number of the GoPay account; None: that of the shopper's wallet.
    account: Text | None = None
    first_psp_reference: Text | None = None
    #: The merchantReference of the payment that saved the token.
    reference: str = ""
    #: None: when the world is loaded.
    created_at: datetime | None = None
    active: bool = True


class Seed(Model):
    """A world as a file."""

    merchant_account: Text | None = None
    more_merchant_accounts: list[str] = []
    #: The time at which the world starts; None: the machine's time.
    clock: datetime | None = None
    profile: ProfileName | None = None
    #: Knobs that differ from those of the profile; the others have their defaults.
    knobs: dict[str, Any] = {}
    #: Settings of reports that differ from their defaults.
    reports: dict[str, Any] = {}
    #: `standard` or `tokens` -> the webhook.
    webhooks: dict[str, Endpoint] = {}
    faults: list[AnyFault] = []
    #: shopperReference -> the wallet.
    wallets: dict[str, WalletSeed] = {}
    tokens: list[TokenSeed] = []
    #: The rest of a saved world.
    state: dict[str, Any] = {}


def read(path: Path) -> Seed:
    """Return the seed in a file: YAML or JSON, by the ending of its name.

    Raises:
        SeedError: The file cannot be read, or is not a seed.

    """
    try:
        raw = path.read_bytes()
        if path.suffix.lower() in YAML:
            return msgspec.yaml.decode(raw, type=Seed)
        return msgspec.json.decode(raw, type=Seed)
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        # YAML's messages have several lines.
        raise SeedError(f"{path}: {' '.join(str(error).split())}") from error


def write(seed: Seed, path: Path) -> None:
    """Write a seed into a file: YAML or JSON, by the ending of its name."""
    if path.suffix.lower() in YAML:
        path.write_bytes(msgspec.yaml.encode(seed))
    else:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(seed), indent=2) + b"\n")
