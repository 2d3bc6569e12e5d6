"""The operator's settings, from the environment.

A missing or malformed setting stops the program at its start, with one line that names it.
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from kasir.adyen.environments import Addresses, Environment, addresses
from kasir.adyen.signing import key_from_hex
from kasir.desk_settings import DeskSettings, desk_from
from kasir.errors import SettingError
from kasir.guessable import TWIN_KEY, TWIN_MERCHANT, TWIN_SECRET, guessable, published
from kasir.limits import Limits
from kasir.relay_settings import RelaySend, RelaySettings
from kasir.report_settings import ReportSettings, report_settings_from
from kasir.retention_settings import Retention, kept_from
from kasir.shop_identity import ShopIdentity, identity_from

_TWIN_URL: Final = "http://127.0.0.1:8700"
#: The fewest characters of KASIR_SECRET_KEY.
_SECRET_LETTERS_MIN: Final = 32
#: The fewest characters, in live, of a key that is sent over HTTP.
_KEY_LETTERS_MIN: Final = 20
#: The fewest characters, in live, of the webhooks' password. With it a caller can fill the inbox.
_PASSWORD_LETTERS_MIN: Final = 12
#: The fewest bytes of KASIR_EVENTS_SECRET. Source: the Standard Webhooks specification.
_EVENTS_SECRET_BYTES_MIN: Final = 24
_LOCAL_URL: Final = "http://127.0.0.1:8000"
#: How the names of all settings begin.
_PREFIXES: Final = ("ADYEN_", "KASIR_")


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The operator's settings; docs/settings.md explains each. The repr has no secrets."""

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
    relay: RelaySettings | None = None
    reports: ReportSettings = field(default_factory=ReportSettings)
    metrics_key: str | None = field(default=None, repr=False)
    follow_twin_clock: bool = False
    identity: ShopIdentity = field(default_factory=ShopIdentity)
    kept: Retention = field(default_factory=Retention)
    desk: DeskSettings = field(default_factory=DeskSettings)
    limits: Limits = field(default_factory=Limits)
    #: The variables that the settings were read from, for the accounts of the database.
    environ: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_live(self) -> bool:
        """Whether money is real."""
        return self.environment is Environment.LIVE


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseSettings:
    """The settings of a command that uses only the database."""

    database_url: str | None = field(repr=False)
    data_dir: Path


def database_settings_from(environ: Mapping[str, str] | None = None) -> DatabaseSettings:
    """Read the settings of the database from the environment.

    Raises:
        SettingError: The address is malformed.
    """
    env = _stripped(environ)
    return DatabaseSettings(database_url=_database_url(env), data_dir=_data_dir(env))


def secrets_from(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Read from the environment the secrets that the database's contents are encrypted with.

    Raises:
        SettingError: No secret is given, or a secret is too short.
    """
    env = _stripped(environ)
    return _secrets(env, TWIN_SECRET if _environment(env) is Environment.TWIN else None)


def settings_from(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingError: Settings are missing, or one is malformed. The message names all missing
            ones, each with its cure.
    """
    env = _stripped(environ)
    environment = _environment(env)
    twin = environment is Environment.TWIN
    if missing := [*_missing(env, environment)]:
        unset = [] if env.get("ADYEN_HMAC_KEY") else [("ADYEN_HMAC_KEY", HMAC_KEY_CURE)]
        raise SettingError.several(missing + unset)
    events_url, events_secrets = _events(env)
    settings = Settings(
        environment=environment,
        addresses=_addresses(env, environment),
        adyen_api_key=env.get("ADYEN_API_KEY") or TWIN_KEY,
        merchant_account=env.get("ADYEN_MERCHANT_ACCOUNT") or TWIN_MERCHANT,
        hmac_keys=_hmac_keys(env, "ADYEN_HMAC_KEY"),
        token_hmac_keys=_hmac_keys(env, "ADYEN_TOKEN_HMAC_KEY"),
        # With the twin nothing is secret, and a demo's database must stay readable.
        secrets=_secrets(env, TWIN_SECRET if twin else None),
        database_url=_database_url(env),
        data_dir=_data_dir(env),
        api_key=env.get("KASIR_API_KEY") or None,
        public_url=_public_url(env, environment),
        webhook_user=env.get("KASIR_WEBHOOK_USER") or None,
        webhook_password=env.get("KASIR_WEBHOOK_PASSWORD") or None,
        events_url=events_url,
        events_secrets=events_secrets,
        relay=_relay(env),
        reports=report_settings_from(env),
        metrics_key=env.get("KASIR_METRICS_KEY") or None,
        follow_twin_clock=twin and env.get("KASIR_FOLLOW_TWIN_CLOCK", "") == "1",
        identity=identity_from(env),
        kept=kept_from(env),
        desk=desk_from(env),
        environ={name: text for name, text in env.items() if name.startswith(_PREFIXES)},
    )
    if environment is Environment.LIVE:
        _refuse_guessable(settings)
    return settings


def _refuse_guessable(settings: Settings) -> None:
    """Refuse secrets that are published or guessable, and addresses without TLS; for live only.

    Raises:
        SettingError: A setting is refused.
    """
    maker, events_maker = "`openssl rand -hex 32`", "`openssl rand -base64 32`"
    events = [_events_key(secret) for secret in settings.events_secrets]
    checked = (
        ("ADYEN_API_KEY", published(settings.adyen_api_key)),
        ("ADYEN_MERCHANT_ACCOUNT", published(settings.merchant_account)),
        *_weak("ADYEN_HMAC_KEY", settings.hmac_keys, 0, "Customer Area"),
        *_weak("ADYEN_TOKEN_HMAC_KEY", settings.token_hmac_keys, 0, "Customer Area"),
        *_weak("KASIR_SECRET_KEY", settings.secrets, _SECRET_LETTERS_MIN, maker),
        *_weak("KASIR_API_KEY", [settings.api_key], _KEY_LETTERS_MIN, maker),
        *_weak("KASIR_METRICS_KEY", [settings.metrics_key], _KEY_LETTERS_MIN, maker),
        *_weak("KASIR_WEBHOOK_PASSWORD", [settings.webhook_password], _PASSWORD_LETTERS_MIN, maker),
        *_weak("KASIR_EVENTS_SECRET", events, _EVENTS_SECRET_BYTES_MIN, events_maker),
        ("KASIR_EVENTS_URL", _open_cure(settings.events_url)),
        *(_relay_cures(settings.relay, maker) if settings.relay else ()),
    )
    for name, cure in checked:
        if cure:
            raise SettingError(name, cure)


def _relay_cures(relay: RelaySettings, maker: str) -> Iterator[tuple[str, str | None]]:
    """The names and cures of the relay's settings in live; the cure of a good one is None."""
    yield "KASIR_RELAY_URL", _open_cure(relay.url)
    yield "KASIR_RELAY_TOKENS_URL", _open_cure(relay.tokens_url)
    yield from _weak("KASIR_RELAY_HMAC_KEY", relay.hmac_keys, 0, maker)
    yield from _weak("KASIR_RELAY_TOKEN_HMAC_KEY", relay.token_hmac_keys, 0, maker)
    # The handler's password is older than Kasir, and may be short.
    yield "KASIR_RELAY_PASSWORD", published(relay.password or "")


def _weak(
    name: str, secrets: Iterable[str | bytes | None], least: int, maker: str
) -> Iterator[tuple[str, str | None]]:
    """The name and the cure, for each secret of a setting; the cure of a good secret is None."""
    return ((name, guessable(secret, least, maker)) for secret in secrets if secret)


def _open_cure(url: str | None) -> str | None:
    """What is wrong with an address in live: it is not https; None if nothing is wrong."""
    return None if not url or url.startswith("https://") else "must begin with https:// in live"


def _stripped(environ: Mapping[str, str] | None) -> dict[str, str]:
    given = os.environ if environ is None else environ
    return {name: text.strip() for name, text in given.items()}


HMAC_KEY_CURE: Final = "is not set; `kasir setup` has Adyen make a key and stores it"
#: The settings that are required unless Adyen is the twin, in the order of docs/settings.md.
_NEEDED: Final = {
    "ADYEN_API_KEY": "Kasir cannot call Adyen without it",
    "ADYEN_MERCHANT_ACCOUNT": "Kasir cannot call Adyen without it",
    "KASIR_PUBLIC_URL": "shoppers and Adyen reach Kasir there",
    "KASIR_SECRET_KEY": "`openssl rand -hex 32` makes one",
}
#: The user names and passwords that are set together or not at all.
_CREDENTIALS: Final = (
    ("KASIR_WEBHOOK_USER", "KASIR_WEBHOOK_PASSWORD"),
    ("KASIR_RELAY_USER", "KASIR_RELAY_PASSWORD"),
    ("KASIR_REPORT_USER", "KASIR_REPORT_PASSWORD"),
)
_PREFIX_CURE: Final = "live needs it; Customer Area, Developers, API URLs shows yours"
_EVENTS_CURE: Final = "is not set, and events must be signed; `openssl rand -base64 32` makes one"


def _missing(env: Mapping[str, str], environment: Environment) -> Iterator[tuple[str, str]]:
    """Each setting that is missing, with its cure, so that one message names all of them."""
    for name, cure in _NEEDED.items():
        if not env.get(name) and environment is not Environment.TWIN:
            yield name, f"is not set; {cure}"
    if environment is Environment.LIVE and not env.get("ADYEN_LIVE_PREFIX"):
        yield "ADYEN_LIVE_PREFIX", _PREFIX_CURE
    for user, password in _CREDENTIALS:
        if bool(env.get(user)) != bool(env.get(password)):
            name = password if env.get(user) else user
            yield name, "user and password are set together or not at all"
    if env.get("KASIR_EVENTS_URL") and not env.get("KASIR_EVENTS_SECRET"):
        yield "KASIR_EVENTS_SECRET", _EVENTS_CURE


def _environment(env: Mapping[str, str]) -> Environment:
    name = env.get("ADYEN_ENVIRONMENT") or "test"
    try:
        return Environment(name)
    except ValueError:
        raise SettingError("ADYEN_ENVIRONMENT", f"{name!r} is not test, live or twin") from None


def _addresses(env: Mapping[str, str], environment: Environment) -> Addresses:
    prefix = env.get("ADYEN_LIVE_PREFIX", "")
    if prefix and not prefix.replace("-", "").isalnum():
        raise SettingError("ADYEN_LIVE_PREFIX", "give the prefix alone, not the whole address")
    twin_url = _base(env, "ADYEN_TWIN_URL", _TWIN_URL)
    return addresses(environment, live_prefix=prefix, twin_url=twin_url)


def _hmac_keys(env: Mapping[str, str], name: str) -> tuple[bytes, ...]:
    """The keys of a webhook: the current key, and during a rotation the previous key."""
    text = env.get(name, "")
    if not text:
        return ()  # Without a key, that webhook accepts nothing.
    try:
        return tuple(key_from_hex(part) for part in text.split(","))
    except ValueError as error:
        raise SettingError(name, f"{error}; two keys are separated by one comma") from None


def _secrets(env: Mapping[str, str], default: str | None) -> tuple[str, ...]:
    """The current secret, then the previous one. Data encrypted with either can be read."""
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
    url = _base(env, "KASIR_PUBLIC_URL", default)
    if environment is Environment.LIVE and (cure := _open_cure(url)):
        raise SettingError("KASIR_PUBLIC_URL", cure)
    return url


def _base(env: Mapping[str, str], name: str, default: str) -> str:
    """An address to which paths are appended."""
    return _url(env, name, default).rstrip("/")


def _url(env: Mapping[str, str], name: str, default: str) -> str:
    """The web address in a setting, or `default`.

    Raises:
        SettingError: It is not an http or https address.
    """
    url = env.get(name) or default
    parts = urlsplit(url)
    if url and (parts.scheme not in {"http", "https"} or not parts.netloc):
        raise SettingError(name, f"{url!r} is not an http:// or https:// address")
    return parts.geturl()  # This puts the scheme in lower case.


def _events(env: Mapping[str, str]) -> tuple[str | None, tuple[str, ...]]:
    """The address for events, and the secrets that sign them: current, then previous."""
    url = _url(env, "KASIR_EVENTS_URL", "")
    secrets = tuple(part.strip() for part in env.get("KASIR_EVENTS_SECRET", "").split(",") if part)
    if url and not secrets:
        raise SettingError("KASIR_EVENTS_SECRET", _EVENTS_CURE)
    for secret in secrets:
        if not _events_key(secret):
            cure = "must be whsec_ and Base64; `openssl rand -base64 32` makes one"
            raise SettingError("KASIR_EVENTS_SECRET", cure)
    return url or None, secrets


def _events_key(secret: str) -> bytes:
    """The key that events are signed with; empty if the secret is malformed or empty."""
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        return b""


def _relay(env: Mapping[str, str]) -> RelaySettings | None:
    """Where notifications are relayed to; None if they are not."""
    url = _relay_url(env, "KASIR_RELAY_URL", "")
    if not url:
        return None
    send = env.get("KASIR_RELAY_SEND") or RelaySend.ALL
    if send not in {*RelaySend}:
        raise SettingError("KASIR_RELAY_SEND", f"{send!r} is not all, foreign or own")
    has_tokens = env.get("KASIR_RELAY_TOKENS_URL") != "none"
    parts = urlsplit(url)
    default = parts._replace(path=f"{parts.path.rstrip('/')}/tokens").geturl()
    return RelaySettings(
        url=url,
        tokens_url=_relay_url(env, "KASIR_RELAY_TOKENS_URL", default) if has_tokens else None,
        send=RelaySend(send),
        hmac_keys=_hmac_keys(env, "KASIR_RELAY_HMAC_KEY"),
        token_hmac_keys=_hmac_keys(env, "KASIR_RELAY_TOKEN_HMAC_KEY"),
        user=env.get("KASIR_RELAY_USER") or None,
        password=env.get("KASIR_RELAY_PASSWORD") or None,
    )


def _relay_url(env: Mapping[str, str], name: str, default: str) -> str:
    """As `_url`; a user in it is refused, as the HTTP client refuses it beside a header."""
    if "@" in urlsplit(env.get(name) or default).netloc:
        cure = "give the user and password in KASIR_RELAY_USER and KASIR_RELAY_PASSWORD"
        raise SettingError(name, f"{cure}, not in the address")
    return _url(env, name, default)


def _data_dir(env: Mapping[str, str]) -> Path:
    return Path(env.get("KASIR_DATA_DIR") or _default_data_dir()).expanduser().absolute()


def _default_data_dir() -> str:
    """The folder of the embedded database; not in root's home, which no other user may enter."""
    if sys.platform != "win32" and os.geteuid() == 0:
        return "/var/lib/kasir"
    return os.environ.get("XDG_DATA_HOME", "~/.local/share") + "/kasir"
