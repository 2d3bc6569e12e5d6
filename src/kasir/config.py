"""What the operator chooses (settings, from the environment) and where every loop ends (limits).

A missing or malformed setting stops the program at its start, in one line that names it.
"""

from __future__ import annotations

import base64
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from kasir.adyen.environments import Addresses, Environment, addresses
from kasir.adyen.signing import key_from_hex
from kasir.errors import SettingError
from kasir.guessable import TWIN_KEY, TWIN_MERCHANT, TWIN_SECRET, guessable, published

_TWIN_URL: Final = "http://127.0.0.1:8700"
_SECRET_LETTERS_MIN: Final = 32
#: Of a key that is sent over HTTP, with `live`.
_KEY_LETTERS_MIN: Final = 20
#: As the Standard Webhooks specification has it.
_EVENTS_SECRET_BYTES_MIN: Final = 24
_LOCAL_URL: Final = "http://127.0.0.1:8000"
_DAYS: Final = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Every wait, queue and size in the house ends; these are the ends, units in their names."""

    #: Largest request body a shop may send.
    request_bytes_max: int = 1024 * 1024
    #: The longest head of a request: its line and its headers. A `redirectResult` may have 20,000
    #: letters, each of which may be three in an address.
    request_head_bytes_max: int = 64 * 1024
    #: How long a client may take for the head of a request ...
    request_head_s: float = 15.0
    #: ... for the body that follows it, ...
    request_body_s: float = 30.0
    #: ... and to read on in an answer that it stopped reading.
    response_read_s: float = 30.0
    #: Connections that one process serves at once: fewer than the 1,024 files that most systems
    #: let a process open, with those to Adyen and to PostgreSQL.
    connections_max: int = 768
    #: Beyond them, for probes of its health and for Adyen's notifications.
    connections_spare: int = 32
    #: Connections of one address. Many a shopper's phone shares its address with thousands.
    connections_per_address_max: int = 256
    #: How long a connection that is to end is read on, so that its last answer arrives.
    linger_s: float = 2.0
    #: How much of a body is read, for how long, after its answer: so that the sender hears it.
    drained_bytes_max: int = 32 * 1024 * 1024
    drained_s: float = 10.0
    #: How long a stop waits for what is in hand: longer than a call to Adyen can take.
    stop_s: float = 40.0
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
    #: Our clock further than this from the database's or Adyen's: nothing is closed or charged.
    clock_apart_max_s: float = 60.0
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
    #: Events that are on their way to the shop at once, over all workers.
    event_deliveries_max: int = 50
    #: Notifications that share one commit.
    inbox_batch_max: int = 500
    #: Notices that are read in one transaction, and how much they may weigh: the first of them may
    #: be as long as a notification can be.
    reading_batch_max: int = 200
    reading_bytes_max: int = 4 * 1024 * 1024
    #: Readers at work at once in one worker: one waits for the database while another thinks.
    readers_max: int = 4
    #: Jobs that one worker holds at once, most of them waiting for Adyen or the shop.
    jobs_held_max: int = 200
    #: How often a worker cleans up, how many rows a statement of it touches, and how long it leaves
    #: the database to others after each.
    clean_every_s: float = 600.0
    clean_batch_max: int = 1000
    clean_pause_s: float = 0.05
    #: How often a failed job is run again by itself before it waits for a person.
    job_retries_max: int = 3
    #: Connections to PostgreSQL held by one process.
    database_connections_max: int = 16
    #: How long connecting to PostgreSQL may take, over all servers that its address names.
    database_connect_s: float = 4.0
    #: How long one may wait for a connection of the pool, the connecting included.
    database_acquire_s: float = 5.0
    #: PostgreSQL ends a statement of ours after this long, and says so.
    database_statement_s: float = 8.0
    #: Where not even that was heard by now, the way to it is dead.
    database_silence_s: float = 10.0
    #: A change of the schema rewrites what there is, and waits for others who change it.
    database_schema_s: float = 3600.0
    #: PostgreSQL ends a transaction of ours in which nothing was said for this long.
    database_transaction_idle_s: float = 20.0
    #: The system looks this often whether the other end of a silent connection is there.
    database_probe_s: float = 10.0
    #: A connection that nobody used for this long is closed.
    database_idle_s: float = 300.0
    #: How long a stop waits for connections that are in use.
    database_close_s: float = 5.0
    #: How long the readiness check waits for the database: whoever asks waits a second.
    ready_answer_s: float = 0.8
    #: How long a payment link lives if the shop does not say (Adyen's own default is one day).
    link_lifetime_s: int = 24 * 3600
    #: The longest life a shop may give a payment link (Adyen: 70 days).
    link_lifetime_max_s: int = 70 * 24 * 3600
    #: How long the payment form waits for the list of methods before it says so.
    form_wait_s: float = 8.0
    #: How long the return page follows a payment over one connection, ...
    follow_s: float = 120.0
    #: ... and how often all pages that do are looked after, in one look.
    follow_look_s: float = 1.0
    #: Pages that follow so at once, in one process, ...
    streams_max: int = 256
    #: ... at one link, ...
    streams_per_link_max: int = 16
    #: ... and from one address; what is more looks again and again instead, ...
    streams_per_address_max: int = 64
    #: ... so long after each other.
    follow_again_s: float = 5.0
    #: Returns to one payment with results that Adyen knows nothing of, until it is asked no more
    #: and the notification is waited for; ...
    returns_unknown_max: int = 10
    #: ... from one address; ...
    returns_unknown_per_address_max: int = 100
    #: ... within this time.
    returns_unknown_s: float = 600.0
    #: Looks at the form of one link for which Adyen is asked what it offers, ...
    offers_per_link_max: int = 60
    #: ... and from one address, whatever link; after that the wallet counts as offered.
    offers_per_address_max: int = 240
    #: Forms that may be posted to one link ...
    forms_per_link_max: int = 120
    #: ... and from one address, whatever link, ...
    forms_per_address_max: int = 240
    #: ... both, and those looks, within this time.
    visits_s: float = 60.0
    #: Forms of one link that wait at once for an answer which another one asked for.
    forms_waiting_max: int = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """How long what is no longer needed is kept; all else is kept for ever: docs/runbook.md.

    Attributes:
        jobs: The log of jobs, and failed jobs, from their end on.
        notices: The words of notices that were read, from then on.
        events: Events that the shop took, from then on.
    """

    jobs: timedelta = timedelta(days=14)
    notices: timedelta = timedelta(days=90)
    events: timedelta = timedelta(days=30)


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
    metrics_key: str | None = field(default=None, repr=False)
    follow_twin_clock: bool = False
    kept: Kept = field(default_factory=Kept)
    limits: Limits = field(default_factory=Limits)

    @property
    def is_twin(self) -> bool:
        """Whether Adyen is played by the twin."""
        return self.environment is Environment.TWIN

    @property
    def is_live(self) -> bool:
        """Whether money is real."""
        return self.environment is Environment.LIVE


def settings_from(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingError: One is missing or malformed; the message names it and the cure.
    """
    given = os.environ if environ is None else environ
    env = {name: text.strip() for name, text in given.items()}
    environment = _environment(env)
    twin = environment is Environment.TWIN
    user, password = _basic_auth(env)
    events_url, events_secrets = _events(env)
    settings = Settings(
        environment=environment,
        addresses=_addresses(env, environment),
        adyen_api_key=_needed(env, "ADYEN_API_KEY", TWIN_KEY if twin else None),
        merchant_account=_needed(env, "ADYEN_MERCHANT_ACCOUNT", TWIN_MERCHANT if twin else None),
        hmac_keys=_hmac_keys(env, "ADYEN_HMAC_KEY", is_needed=True),
        token_hmac_keys=_hmac_keys(env, "ADYEN_TOKEN_HMAC_KEY", is_needed=False),
        # With the twin nothing is secret, and a demo's database opens again tomorrow.
        secrets=_secrets(env, TWIN_SECRET if twin else None),
        database_url=_database_url(env),
        data_dir=Path(env.get("KASIR_DATA_DIR") or _default_data_dir()).expanduser().absolute(),
        api_key=env.get("KASIR_API_KEY") or None,
        public_url=_public_url(env, environment),
        webhook_user=user,
        webhook_password=password,
        events_url=events_url,
        events_secrets=events_secrets,
        metrics_key=env.get("KASIR_METRICS_KEY") or None,
        follow_twin_clock=twin and env.get("KASIR_FOLLOW_TWIN_CLOCK", "") == "1",
        kept=_kept(env),
    )
    if environment is Environment.LIVE:
        _refuse_guessable(settings)
    return settings


def _refuse_guessable(settings: Settings) -> None:
    """Refuse what anybody knows, guesses or reads on the way, where money is real.

    Raises:
        SettingError: One is so.
    """
    key_maker, events_maker = "`openssl rand -hex 32`", "`openssl rand -base64 32`"
    hmac_maker = "Customer Area"
    events = [_events_key(secret) for secret in settings.events_secrets]
    checked = (
        ("ADYEN_API_KEY", published(settings.adyen_api_key)),
        ("ADYEN_MERCHANT_ACCOUNT", published(settings.merchant_account)),
        *(("ADYEN_HMAC_KEY", guessable(key, 0, hmac_maker)) for key in settings.hmac_keys),
        *(
            ("ADYEN_TOKEN_HMAC_KEY", guessable(key, 0, hmac_maker))
            for key in settings.token_hmac_keys
        ),
        *(
            ("KASIR_SECRET_KEY", guessable(secret, _SECRET_LETTERS_MIN, key_maker))
            for secret in settings.secrets
        ),
        ("KASIR_API_KEY", _key_cure(settings.api_key, key_maker)),
        ("KASIR_METRICS_KEY", _key_cure(settings.metrics_key, key_maker)),
        *(
            ("KASIR_EVENTS_SECRET", guessable(key, _EVENTS_SECRET_BYTES_MIN, events_maker))
            for key in events
        ),
        ("KASIR_EVENTS_URL", _open_cure(settings.events_url)),
    )
    for name, cure in checked:
        if cure:
            raise SettingError(name, cure)


def _key_cure(key: str | None, maker: str) -> str | None:
    return guessable(key, _KEY_LETTERS_MIN, maker) if key else None


def _open_cure(url: str | None) -> str | None:
    return None if not url or url.startswith("https://") else "must begin with https:// in live"


def _kept(env: Mapping[str, str]) -> Kept:
    default = Kept()
    return Kept(
        jobs=_days(env, "KASIR_KEEP_JOBS_DAYS", default.jobs),
        notices=_days(env, "KASIR_KEEP_NOTICES_DAYS", default.notices),
        events=_days(env, "KASIR_KEEP_EVENTS_DAYS", default.events),
    )


def _days(env: Mapping[str, str], name: str, default: timedelta) -> timedelta:
    text = env.get(name)
    if not text:
        return default
    if not _DAYS.fullmatch(text):
        raise SettingError(name, f"{text!r} is not a whole number of days from 1 to 99999")
    return timedelta(days=int(text))


def _environment(env: Mapping[str, str]) -> Environment:
    word = env.get("ADYEN_ENVIRONMENT") or "test"
    try:
        return Environment(word)
    except ValueError:
        raise SettingError("ADYEN_ENVIRONMENT", f"{word!r} is not test, live or twin") from None


def _addresses(env: Mapping[str, str], environment: Environment) -> Addresses:
    prefix = env.get("ADYEN_LIVE_PREFIX", "")
    if environment is Environment.LIVE and not prefix:
        raise SettingError(
            "ADYEN_LIVE_PREFIX", "live needs it; Customer Area, Developers, API URLs shows yours"
        )
    if prefix and not prefix.replace("-", "").isalnum():
        raise SettingError("ADYEN_LIVE_PREFIX", "give the prefix alone, not the whole address")
    twin_url = _url(env, "ADYEN_TWIN_URL", _TWIN_URL)
    return addresses(environment, live_prefix=prefix, twin_url=twin_url)


def _needed(env: Mapping[str, str], name: str, default: str | None) -> str:
    text = env.get(name) or default
    if not text:
        raise SettingError(name, "is not set, and Kasir cannot call Adyen without it")
    return text


def _hmac_keys(env: Mapping[str, str], name: str, *, is_needed: bool) -> tuple[bytes, ...]:
    """Current key first, previous second: both are accepted while rotating."""
    text = env.get(name, "")
    if not text and not is_needed:
        return ()  # Then nothing that comes to that webhook is authentic.
    if not text:
        raise SettingError(name, "is not set; generate the key with the webhook in Customer Area")
    try:
        return tuple(key_from_hex(part) for part in text.split(","))
    except ValueError as error:
        raise SettingError(name, f"{error}; two keys are parted by one comma") from None


def _secrets(env: Mapping[str, str], default: str | None) -> tuple[str, ...]:
    """Current first, previous second: what the previous one sealed can still be opened."""
    text = env.get("KASIR_SECRET_KEY") or default or ""
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
    if not url:
        raise SettingError("KASIR_PUBLIC_URL", "is not set; shoppers and Adyen reach Kasir there")
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
    if bool(user) != bool(password):
        missing = "KASIR_WEBHOOK_PASSWORD" if user else "KASIR_WEBHOOK_USER"
        raise SettingError(missing, "user and password are set together or not at all")
    return user or None, password or None


def _events(env: Mapping[str, str]) -> tuple[str | None, tuple[str, ...]]:
    """Where the shop hears events, and the secrets they are signed with (current, previous)."""
    url = _url(env, "KASIR_EVENTS_URL", "")
    secrets = tuple(part.strip() for part in env.get("KASIR_EVENTS_SECRET", "").split(",") if part)
    if url and not secrets:
        raise SettingError("KASIR_EVENTS_SECRET", "is not set, and events must be signed")
    for secret in secrets:
        if not _events_key(secret):
            cure = "must be whsec_ and Base64; `openssl rand -base64 32` makes one"
            raise SettingError("KASIR_EVENTS_SECRET", cure)
    return url or None, secrets


def _events_key(secret: str) -> bytes:
    """What events are signed with; empty where the secret is not of the form, or has nothing."""
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        return b""


def _default_data_dir() -> str:
    """Where the embedded database lives: never below root's home, which others cannot enter."""
    if sys.platform != "win32" and os.geteuid() == 0:
        return "/var/lib/kasir"
    return os.environ.get("XDG_DATA_HOME", "~/.local/share") + "/kasir"
