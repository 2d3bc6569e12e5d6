"""What the operator chooses (settings, from the environment) and where every loop ends (limits).

A missing or malformed setting stops the program at its start, in one line that names it.
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from kasir.adyen.environments import Addresses, Environment, addresses
from kasir.adyen.signing import key_from_hex
from kasir.errors import SettingError

_TWIN_URL: Final = "http://127.0.0.1:8700"
_TWIN_KEY: Final = "twin-api-key"
_TWIN_MERCHANT: Final = "TwinMerchant"
#: With the twin there is nothing to keep secret, and a demo's database opens again tomorrow.
_TWIN_SECRET: Final = "nothing-that-the-twin-tells-is-secret"
_SECRET_LETTERS_MIN: Final = 32
_LOCAL_URL: Final = "http://127.0.0.1:8000"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Every wait, queue and size in the house ends; these are the ends, units in their names."""

    #: Largest request body a shop may send.
    request_bytes_max: int = 1024 * 1024
    #: How long a shop's key is let in without looking whether it was withdrawn.
    api_key_remembered_s: float = 10.0
    #: Largest notification body Adyen may send.
    webhook_bytes_max: int = 512 * 1024
    #: How long one call to Adyen may take in all.
    adyen_timeout_s: float = 25.0
    #: How long reaching Adyen may take.
    adyen_connect_timeout_s: float = 5.0
    #: The longest answer of Adyen's that is read to its end.
    adyen_answer_bytes_max: int = 10 * 1024 * 1024
    #: Connections held open to Adyen by one process.
    adyen_connections_max: int = 128
    #: After this long an unanswered call counts as lost, and may be asked again (same key).
    call_lease_s: float = 40.0
    #: How long a repeated details call waits for the first one's answer.
    details_wait_s: float = 45.0
    #: How often one asking tries while Adyen says "not now", and how long.
    adyen_tries_max: int = 3
    adyen_tries_s: float = 5.0
    #: After a silence it is asked again this much later, then twice that, and so on ...
    ask_again_first_s: float = 2.0
    #: ... up to this,
    ask_again_longest_s: float = 3600.0
    #: ... for as long as Adyen remembers an idempotency key (at least seven days).
    ask_again_for_s: float = 7 * 24 * 3600.0
    #: An attempt that nobody finished is closed after this long, if the shop does not say.
    attempt_lifetime_s: float = 3600.0
    #: It may be paid by the wallet for this long at most, where the shop did not say (a guess).
    offer_lifetime_max_s: float = 24 * 3600.0
    #: How far our clock and Adyen's may be apart.
    clock_margin_s: float = 120.0
    #: Whoever waits for Adyen's word of an attempt looks again more and more rarely, up to this.
    close_again_longest_s: float = 24 * 3600.0
    #: How long bad news is held back from the shop.
    settle_after_s: float = 600.0
    #: What Adyen delivers longer than this after it happened is late, and more may be on its way.
    late_after_s: float = 600.0
    #: How far Adyen's queue may be behind once Kasir is back: the longest wait between its tries.
    behind_max_s: float = 8 * 3600.0
    #: When a shopper's tokens are held against Adyen's list: this long after each other, the last
    #: one again and again.
    token_look_gaps_s: tuple[float, ...] = (3600.0, 86_400.0, 30 * 86_400.0)
    #: How often a worker looks for what is due, and how much it takes at once.
    look_every_s: float = 0.5
    due_batch_max: int = 100
    #: What was taken up and not finished comes up again after this long.
    due_again_s: float = 900.0
    #: Subscriptions that go on in a second, over all workers: Adyen is called no faster for them.
    renewals_per_s_max: float = 200.0
    #: How long a sign-up may stay unpaid.
    sign_up_lifetime_s: float = 24 * 3600.0
    #: How long a charge whose outcome is unknown may keep the next period waiting.
    unresolved_for_s: float = 7 * 24 * 3600.0
    #: How far each of the metrics' figures is counted.
    figures_max: int = 10_000
    #: Events given at once to a shop that fetches them.
    events_listed_max: int = 100
    #: Waits before each try to deliver an event: growing, for three days in all.
    event_gaps_s: tuple[float, ...] = (0, 5, 60, 300, 1800, 7200, 18000, 36000, 36000, 50400, 86400)
    #: How long a shop may take to answer an event.
    event_timeout_s: float = 15.0
    #: Notifications that share one commit.
    inbox_batch_max: int = 500
    #: Notices that one job reads.
    reading_batch_max: int = 200
    #: Connections to PostgreSQL held by one process.
    database_connections_max: int = 16
    #: How long a payment link lives if the shop does not say (Adyen's own default is one day).
    link_lifetime_s: int = 24 * 3600
    #: The longest life a shop may give a payment link (Adyen: 70 days).
    link_lifetime_max_s: int = 70 * 24 * 3600
    #: How long the payment form waits for the list of methods before it says so.
    form_wait_s: float = 8.0
    #: How long the return page follows a payment over one connection.
    follow_s: float = 120.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the operator chose. Secrets never show in its repr."""

    environment: Environment
    addresses: Addresses
    adyen_api_key: str = field(repr=False)
    merchant_account: str
    hmac_keys: tuple[bytes, ...] = field(repr=False)
    token_hmac_keys: tuple[bytes, ...] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    database_url: str | None = field(repr=False)
    data_dir: Path
    api_key: str | None = field(repr=False)
    public_url: str
    webhook_user: str | None = None
    webhook_password: str | None = field(default=None, repr=False)
    events_url: str | None = None
    events_secrets: tuple[str, ...] = field(default=(), repr=False)
    follow_twin_clock: bool = False
    limits: Limits = field(default_factory=Limits)

    @property
    def is_twin(self) -> bool:
        """Whether Adyen is played by the twin."""
        return self.environment is Environment.TWIN


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseSettings:
    """Where the database is: all that a command needs that asks nothing of Adyen."""

    database_url: str | None = field(repr=False)
    data_dir: Path


def database_settings_from(environ: Mapping[str, str] | None = None) -> DatabaseSettings:
    """Read from the environment where the database is.

    Raises:
        SettingError: The address is none.
    """
    env = _stripped(environ)
    return DatabaseSettings(database_url=_database_url(env), data_dir=_data_dir(env))


def secrets_from(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Read from the environment what the database's contents are sealed with.

    Raises:
        SettingError: It is missing or too short.
    """
    env = _stripped(environ)
    return _secrets(env, _TWIN_SECRET if _environment(env) is Environment.TWIN else None)


def settings_from(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingError: Some are missing, all of which are named, or one is malformed; the message
            has the cure.
    """
    env = _stripped(environ)
    environment = _environment(env)
    twin = environment is Environment.TWIN
    if missing := [*_missing(env, environment)]:
        raise SettingError.several(missing)
    user, password = _basic_auth(env)
    events_url, events_secrets = _events(env)
    return Settings(
        environment=environment,
        addresses=_addresses(env, environment),
        adyen_api_key=env.get("ADYEN_API_KEY") or _TWIN_KEY,
        merchant_account=env.get("ADYEN_MERCHANT_ACCOUNT") or _TWIN_MERCHANT,
        hmac_keys=_hmac_keys(env, "ADYEN_HMAC_KEY"),
        token_hmac_keys=_hmac_keys(env, "ADYEN_TOKEN_HMAC_KEY"),
        secrets=_secrets(env, _TWIN_SECRET if twin else None),
        database_url=_database_url(env),
        data_dir=_data_dir(env),
        api_key=env.get("KASIR_API_KEY") or None,
        public_url=_public_url(env, environment),
        webhook_user=user,
        webhook_password=password,
        events_url=events_url,
        events_secrets=events_secrets,
        follow_twin_clock=twin and env.get("KASIR_FOLLOW_TWIN_CLOCK", "") == "1",
    )


def _stripped(environ: Mapping[str, str] | None) -> dict[str, str]:
    given = os.environ if environ is None else environ
    return {name: text.strip() for name, text in given.items()}


#: What is needed wherever Adyen is not the twin, in the order of docs/settings.md, and the cure.
_NEEDED: Final = {
    "ADYEN_API_KEY": "Kasir cannot call Adyen without it",
    "ADYEN_MERCHANT_ACCOUNT": "Kasir cannot call Adyen without it",
    "ADYEN_HMAC_KEY": "generate the key with the webhook in Customer Area",
    "KASIR_PUBLIC_URL": "shoppers and Adyen reach Kasir there",
    "KASIR_SECRET_KEY": "`openssl rand -hex 32` makes one",
}
_PREFIX_CURE: Final = "live needs it; Customer Area, Developers, API URLs shows yours"
_EVENTS_CURE: Final = "is not set, and events must be signed; `openssl rand -base64 32` makes one"


def _missing(env: Mapping[str, str], environment: Environment) -> Iterator[tuple[str, str]]:
    """Each setting that is missing, with its cure: an operator is told of all of them at once."""
    for name, cure in _NEEDED.items():
        if not env.get(name) and (environment is not Environment.TWIN or name == "ADYEN_HMAC_KEY"):
            yield name, f"is not set; {cure}"
    if environment is Environment.LIVE and not env.get("ADYEN_LIVE_PREFIX"):
        yield "ADYEN_LIVE_PREFIX", _PREFIX_CURE
    user, password = env.get("KASIR_WEBHOOK_USER"), env.get("KASIR_WEBHOOK_PASSWORD")
    if bool(user) != bool(password):
        name = "KASIR_WEBHOOK_PASSWORD" if user else "KASIR_WEBHOOK_USER"
        yield name, "user and password are set together or not at all"
    if env.get("KASIR_EVENTS_URL") and not env.get("KASIR_EVENTS_SECRET"):
        yield "KASIR_EVENTS_SECRET", _EVENTS_CURE


def _environment(env: Mapping[str, str]) -> Environment:
    word = env.get("ADYEN_ENVIRONMENT") or "test"
    try:
        return Environment(word)
    except ValueError:
        raise SettingError("ADYEN_ENVIRONMENT", f"{word!r} is not test, live or twin") from None


def _addresses(env: Mapping[str, str], environment: Environment) -> Addresses:
    prefix = env.get("ADYEN_LIVE_PREFIX", "")
    if prefix and not prefix.replace("-", "").isalnum():
        raise SettingError("ADYEN_LIVE_PREFIX", "give the prefix alone, not the whole address")
    twin_url = _url(env, "ADYEN_TWIN_URL", _TWIN_URL)
    return addresses(environment, live_prefix=prefix, twin_url=twin_url)


def _hmac_keys(env: Mapping[str, str], name: str) -> tuple[bytes, ...]:
    """Current key first, previous second: both are accepted while rotating."""
    text = env.get(name, "")
    if not text:
        return ()  # Then nothing that comes to that webhook is authentic.
    try:
        return tuple(key_from_hex(part) for part in text.split(","))
    except ValueError as error:
        raise SettingError(name, f"{error}; two keys are parted by one comma") from None


def _secrets(env: Mapping[str, str], default: str | None) -> tuple[str, ...]:
    """Current first, previous second: what the previous one sealed can still be opened."""
    text = env.get("KASIR_SECRET_KEY") or default
    if not text:
        raise SettingError("KASIR_SECRET_KEY", f"is not set; {_NEEDED['KASIR_SECRET_KEY']}")
    secrets = tuple(part.strip() for part in text.split(","))
    if any(len(secret) < _SECRET_LETTERS_MIN for secret in secrets):
        cure = f"give {_SECRET_LETTERS_MIN} characters or more; `openssl rand -hex 32` makes one"
        raise SettingError("KASIR_SECRET_KEY", cure)
    return secrets


def _database_url(env: Mapping[str, str]) -> str | None:
    url = env.get("KASIR_DATABASE_URL")
    if url and not url.startswith(("postgres://", "postgresql://")):
        raise SettingError("KASIR_DATABASE_URL", "must begin with postgresql://")
    return url or None


def _public_url(env: Mapping[str, str], environment: Environment) -> str:
    default = _LOCAL_URL if environment is Environment.TWIN else ""
    url = _url(env, "KASIR_PUBLIC_URL", default)
    if environment is Environment.LIVE and not url.startswith("https://"):
        raise SettingError("KASIR_PUBLIC_URL", "must begin with https:// in live")
    return url


def _url(env: Mapping[str, str], name: str, default: str) -> str:
    url = (env.get(name) or default).rstrip("/")
    parts = urlsplit(url)
    if url and (parts.scheme not in {"http", "https"} or not parts.netloc):
        raise SettingError(name, f"{url!r} is not an http:// or https:// address")
    return url


def _basic_auth(env: Mapping[str, str]) -> tuple[str | None, str | None]:
    user, password = env.get("KASIR_WEBHOOK_USER"), env.get("KASIR_WEBHOOK_PASSWORD")
    return user or None, password or None


def _events(env: Mapping[str, str]) -> tuple[str | None, tuple[str, ...]]:
    """Where the shop hears events, and the secrets they are signed with (current, previous)."""
    url = _url(env, "KASIR_EVENTS_URL", "")
    secrets = tuple(part.strip() for part in env.get("KASIR_EVENTS_SECRET", "").split(",") if part)
    if url and not secrets:
        raise SettingError("KASIR_EVENTS_SECRET", _EVENTS_CURE)
    for secret in secrets:
        try:
            base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except ValueError:
            cure = "must be whsec_ and Base64; `openssl rand -base64 32` makes one"
            raise SettingError("KASIR_EVENTS_SECRET", cure) from None
    return url or None, secrets


def _data_dir(env: Mapping[str, str]) -> Path:
    return Path(env.get("KASIR_DATA_DIR") or _default_data_dir()).expanduser().absolute()


def _default_data_dir() -> str:
    """Where the embedded database lives: never below root's home, which others cannot enter."""
    if sys.platform != "win32" and os.geteuid() == 0:
        return "/var/lib/kasir"
    return os.environ.get("XDG_DATA_HOME", "~/.local/share") + "/kasir"
