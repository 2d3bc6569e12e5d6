"""No account can see or change anything of another, by any route, notification or command.

The routes come from the app's own table, so a new route fails this test until an attempt is
written for it. Each attempt uses the key or the link of one account and the ids and names of the
other. It is refused or finds nothing, and no row of the other account changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import permutations
from typing import Any, Final

import pytest
from litestar import Litestar
from litestar.routes import ASGIRoute

from adyen_twin.protocol import signing
from fakes import BROWSER, KEY, OTHER_KEY, envelope, notification_item
from kasir.cli import deliveries, operator
from kasir.errors import KasirError
from kasir.requests.changes import PATHS
from kasir.store.api_keys import create
from kasir.wiring import Parts
from ledger_rows import add_payout_and_case
from two_accounts import FIRST, SECOND, Shops

#: The amount in every object of an account, which no request for another account has.
AMOUNTS: Final = {FIRST: 31_337, SECOND: 42_424}
#: The reference and the shopper that both accounts have.
REFERENCE: Final = "ORDER-1001"
SHOPPER: Final = "shopper-77"
#: The storedPaymentMethodId of the token of both.
STORED_ID: Final = "M5N7TQ4TG5PFWR50"
HMAC_KEYS: Final = {FIRST: KEY, SECOND: OTHER_KEY}
#: Paths that have nothing of an account, or only what concerns the whole program.
OF_NO_ACCOUNT: Final = (
    "/health/",
    "/metrics",
    "/pay/static/",
    "/pay/colour/",
    "/pay/logo/",
    "/api/openapi.json",
    "/desk",  # Needs a person: test_desk_isolation.py.
)
#: How the paths of Adyen's calls begin, whose versions all have the same attempts.
VERSION: Final = re.compile("^/v[0-9]+")
#: Paths whose answer is about all that the caller's own account has.
OF_THE_CALLER: Final = (
    "/api/plans",
    "/api/subscriptions/metrics",
    "/api/deliveries/addresses",
    "/api/deliveries/pause",
    "/api/deliveries/resume",
    "/api/links",
    "/api/tokens",
    "/api/today",
    "/api/payouts",
    "/api/cases",
    "/api/doctor",
)
#: The path parameters of a form that name an object of the link's account.
OF_A_LINK: Final = ("payment_id", "token_id")


Command = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Owned:
    """What an account has, as the names that another may know.

    Attributes:
        account: The merchant account's code.
        ids: An id of an object of this account, for each path parameter of a route.
        event: The id of an event.
    """

    account: str
    ids: Mapping[str, str]
    event: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request with another account's names."""

    method: str
    path: str
    query: Mapping[str, str]
    body: object


async def test_no_route_shows_or_changes_anything_of_another_account(
    shops: Shops, capsys: pytest.CaptureFixture[str]
) -> None:
    owned = [await owned_by(shops, account) for account in (FIRST, SECOND)]
    tried = 0
    for caller, victim in permutations(owned):
        rows = await rows_of(await parts_of(shops, victim.account))
        for attempt in attempts(routes_of(shops), caller, victim):
            status, text = await send(shops, caller, attempt)
            tried += 1

            assert str(AMOUNTS[victim.account]) not in text.replace(".", ""), (attempt, text)
            assert status >= 300 or is_empty(attempt, text), (attempt, status, text)
        assert rows == await rows_of(await parts_of(shops, victim.account))
    count = len({path for path, _ in routes_of(shops)})
    with capsys.disabled():
        print(f"\n{count} routes x {len(owned)} accounts: {tried} tried, {tried} refused")  # noqa: T201

    assert tried > count * len(owned)


async def test_a_notification_changes_only_the_account_that_it_names(shops: Shops) -> None:
    owned = [await owned_by(shops, account) for account in (FIRST, SECOND)]
    for caller, victim in permutations(owned):
        rows, key = await rows_of(await parts_of(shops, victim.account)), HMAC_KEYS[caller.account]
        token = token_notification(victim.account)
        named = victim.ids["psp_reference"]
        bodies = [
            ("", envelope(item(victim.account, named, key))),
            ("", envelope(item(caller.account, named, key, eventCode="CANCELLATION"))),
            ("/tokens", token),
        ]
        signature = {"HmacSignature": signing.sign_bytes(token, key)}
        answers = [
            await shops.http.post(f"/webhooks/adyen{path}", content=body, headers=signature)
            for path, body in bodies
        ]
        await (await parts_of(shops, caller.account)).reader.read_all()

        assert [answer.status_code for answer in answers] == [401, 202, 401]
        assert rows == await rows_of(await parts_of(shops, victim.account))


async def test_an_item_of_an_unknown_account_is_kept_as_foreign_where_its_key_verifies(
    shops: Shops,
) -> None:
    names = [("UnknownOne", KEY), ("UnknownTwo", OTHER_KEY)]
    items = [item(name, f"PSP{name}"[:16], key) for name, key in names]
    unsigned = item("UnknownThree", "PSPTHREE", "00" * 32)
    answers = [
        await shops.http.post("/webhooks/adyen", content=envelope(*some))
        for some in (items, [unsigned])
    ]
    kept = {}
    for account in (FIRST, SECOND):
        parts = await parts_of(shops, account)
        await parts.reader.read_all()
        kept[account] = [
            tuple(row) for row in await parts.pool.fetch("SELECT state, names FROM notice")
        ]

    assert [answer.status_code for answer in answers] == [202, 401]
    assert kept == {
        FIRST: [("foreign", ["PSPUnknownOne"])],
        SECOND: [("foreign", ["PSPUnknownTwo"])],
    }


async def test_no_command_shows_or_changes_anything_of_another_account(
    shops: Shops, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dsn = shops.accounts.default.settings.database_url
    monkeypatch.setenv("KASIR_DATABASE_URL", str(dsn))
    monkeypatch.setenv("ADYEN_ENVIRONMENT", "twin")
    owned = [await owned_by(shops, account) for account in (FIRST, SECOND)]
    for caller, victim in permutations(owned):
        rows = await rows_of(await parts_of(shops, victim.account))
        account = None if caller.account == FIRST else caller.account
        commands = commands_of(account, victim)
        results = [await outcome_of(command) for command, _ in commands]
        printed = capsys.readouterr().out

        for result, (_, error) in zip(results, commands, strict=True):
            assert error in result
        assert [bool(result) for result in results] == [bool(start) for _, start in commands]
        for secret in (victim.ids["psp_reference"], victim.event, victim.ids["payment_id"]):
            assert secret not in printed
        assert rows == await rows_of(await parts_of(shops, victim.account))


def commands_of(account: str | None, victim: Owned) -> list[tuple[Command, str]]:
    """Commands on an account with the victim's names; with the error of each that is refused."""
    unknown, listed = 2**62, {"as_json": False}
    return [
        (partial(operator.list_notices, "read", 100, account, **listed), ""),
        (partial(operator.replay_notices, [unknown], account), "IDS"),
        (partial(operator.list_failed_jobs, 100, account, **listed), ""),
        (partial(operator.retry_jobs, [unknown], account), "no failed job"),
        (partial(deliveries.list_deliveries, "waiting", 100, account, **listed), ""),
        (partial(deliveries.resend_deliveries, [victim.event], account), victim.event),
        (partial(operator.list_keys, account, **listed), ""),
        (partial(operator.withdraw_key, f"key-of-{victim.account}", account), "NAME"),
    ]


async def outcome_of(command: Command) -> str:
    """Run a command; returns its error, or an empty text."""
    try:
        await command()
    except KasirError as error:
        return str(error)
    return ""


async def parts_of(shops: Shops, account: str) -> Parts:
    """The parts of an account."""
    return await shops.accounts.parts_of(account)


async def owned_by(shops: Shops, account: str) -> Owned:
    """Make objects of an account: a paid payment, a link, a plan, a token, an event and a key."""
    parts = await parts_of(shops, account)
    # Notices are numbered in each account. With other numbers, no number is of both accounts.
    first = AMOUNTS[account]
    await parts.pool.execute("SELECT setval(pg_get_serial_sequence('notice', 'id'), $1)", first)
    amount = {"currency": "IDR", "value": AMOUNTS[account]}
    psp_reference = f"PSP{account.upper()}"[:16]
    await shops.pay(account, reference=REFERENCE, amount=amount)
    paid = item(account, psp_reference, HMAC_KEYS[account], amount=amount)
    token = token_notification(account)
    signature = {"HmacSignature": signing.sign_bytes(token, HMAC_KEYS[account])}
    for path, body in (("", envelope(paid)), ("/tokens", token)):
        posted = await shops.http.post(f"/webhooks/adyen{path}", content=body, headers=signature)
        assert posted.status_code == 202
    await parts.reader.read_all()
    link_body = {"reference": REFERENCE, "amount": amount, "returnUrl": "https://shop.example/"}
    link = await shops.call(account, "POST", "/v72/paymentLinks", link_body)
    plan_body = {"reference": REFERENCE, "amount": amount, "interval": {"unit": "month"}}
    plan = await shops.call(account, "POST", "/api/plans", plan_body)
    sign_up = {
        "plan": plan.json()["id"],
        "reference": REFERENCE,
        "shopperReference": SHOPPER,
        "returnUrl": "https://shop.example/",
        "signUpBy": "link",
    }
    subscription = await shops.call(account, "POST", "/api/subscriptions", sign_up)
    (payment,) = await shops.payments(account, REFERENCE)
    events = (await shops.call(account, "GET", "/api/events")).json()["events"]
    (stored,) = [row["id"] for row in await parts.pool.fetch("SELECT id FROM token")]
    await create(parts.pool, f"key-of-{account}", parts.clock.now())
    # Cases are numbered in each account too.
    case_ids = "pg_get_serial_sequence('reconciliation_case', 'id')"
    await parts.pool.execute(f"SELECT setval({case_ids}, $1)", first)
    case_id = await add_payout_and_case(parts.pool, f"batch-of-{account}", AMOUNTS[account])
    ids = {
        "psp_reference": psp_reference,
        "payment_id": payment["id"],
        "link_id": link.json()["id"],
        "plan_id": plan.json()["id"],
        "subscription_id": subscription.json()["id"],
        "stored_id": STORED_ID,
        "token_id": stored,
        "delivery_id": events[0]["id"],
        "notice_id": str(first + 1),
        "message_id": f"notice-{first + 1}",
        "batch": f"batch-of-{account}",
        "case_id": str(case_id),
    }
    return Owned(account, ids, events[0]["id"])


def routes_of(shops: Shops) -> list[tuple[str, str]]:
    """The path and the method of each route of the app, but those of webhooks."""
    app: Litestar = shops.http._transport.app  # type: ignore[attr-defined]  # noqa: SLF001
    return [
        (route.path_format, method)
        for route in app.routes
        if not isinstance(route, ASGIRoute)
        for method in sorted(getattr(route, "methods", ()))
        if method != "OPTIONS"
    ]


def attempts(routes: list[tuple[str, str]], caller: Owned, victim: Owned) -> Iterator[Attempt]:
    """The attempts of the caller's shop, or its shopper, with the victim's names."""
    for path, method in routes:
        if path.startswith("/pay/{"):
            yield from attempts_on_pages(path, method, caller, victim)
        elif not path.startswith(OF_NO_ACCOUNT):
            for change in PATHS if "{change}" in path else [""]:
                filled = path.format(**victim.ids, change=change)
                for query, body in API[method, VERSION.sub("", path)](victim):
                    yield Attempt(method, filled, query, body)


def attempts_on_pages(path: str, method: str, caller: Owned, victim: Owned) -> Iterator[Attempt]:
    """Pages of one account's link with objects of another, and links moved to another account."""
    body = {"attempt": "1"} if method == "POST" else None
    if any(f"{{{name}}}" in path for name in OF_A_LINK):
        mixed = {**victim.ids, "link_id": caller.ids["link_id"]}
        yield Attempt(method, path.format(**mixed), {}, body)
        mixed = {**caller.ids, "link_id": victim.ids["link_id"]}
        yield Attempt(method, path.format(**mixed), {}, body)
    tag, random = caller.ids["link_id"].rsplit("_", 1)[0], victim.ids["link_id"].rsplit("_", 1)[1]
    moved = {**victim.ids, "link_id": f"{tag}_{random}"}
    yield Attempt(method, path.format(**moved), {}, body)


def _payment(victim: Owned) -> dict[str, Any]:
    return {
        "reference": REFERENCE,
        "amount": {"currency": "IDR", "value": 25_000},
        "paymentMethod": {"type": "gopay_wallet"},
        "channel": "Web",
        "countryCode": "ID",
        "browserInfo": BROWSER,
        "returnUrl": "https://shop.example/",
        "merchantAccount": victim.account,
    }


def _change(victim: Owned) -> dict[str, Any]:
    return {"merchantAccount": victim.account, "reference": "CHANGE-1"}


#: The fields of a payment that a link has too.
LINK_FIELDS: Final = ("reference", "amount", "returnUrl", "merchantAccount", "countryCode")
Tries = list[tuple[Mapping[str, str], object]]
#: For each method and route: the queries and bodies that name what the victim has.
API: Final[Mapping[tuple[str, str], Callable[[Owned], Tries]]] = {
    ("POST", "/paymentMethods"): lambda v: [({}, {"merchantAccount": v.account})],
    ("POST", "/payments"): lambda v: [({}, _payment(v))],
    ("POST", "/payments/details"): lambda v: [
        ({}, {"details": {"redirectResult": f"made-of-{v.account}"}, "paymentData": "x"})
    ],
    ("POST", "/payments/{psp_reference}/{change}"): lambda v: [
        ({}, {**_change(v), "amount": {"currency": "IDR", "value": 1}}),
        ({}, {"reference": "CHANGE-1", "amount": {"currency": "IDR", "value": 1}}),
    ],
    ("POST", "/cancels"): lambda v: [({}, {**_change(v), "paymentReference": REFERENCE})],
    ("POST", "/paymentLinks"): lambda v: [
        ({}, {name: text for name, text in _payment(v).items() if name in LINK_FIELDS})
    ],
    ("GET", "/paymentLinks/{link_id}"): lambda _: [({}, None)],
    ("PATCH", "/paymentLinks/{link_id}"): lambda _: [({}, {"status": "expired"})],
    ("GET", "/api/payments/{payment_id}"): lambda _: [({}, None)],
    ("GET", "/api/payments/{payment_id}/life"): lambda _: [({}, None)],
    ("GET", "/api/payments/{payment_id}/messages/{message_id}"): lambda _: [({}, None)],
    ("GET", "/api/payments.csv"): lambda v: [({"pspReference": v.ids["psp_reference"]}, None)],
    ("GET", "/api/payments"): lambda v: [({"reference": v.ids["payment_id"]}, None)],
    ("GET", "/api/events"): lambda v: [({"after": v.event}, None)],
    ("GET", "/api/notices"): lambda _: [({"state": "held"}, None)],
    ("GET", "/api/notices/{notice_id}"): lambda _: [({}, None)],
    ("POST", "/api/notices/{notice_id}/replay"): lambda _: [({}, None)],
    ("GET", "/api/deliveries"): lambda v: [({"payment": v.ids["payment_id"]}, None)],
    ("GET", "/api/deliveries/addresses"): lambda _: [({}, None)],
    ("GET", "/api/deliveries/{delivery_id}"): lambda _: [({}, None)],
    ("POST", "/api/deliveries/{delivery_id}/resend"): lambda _: [({}, None)],
    ("POST", "/api/deliveries/resend"): lambda _: [
        ({}, {"since": "2026-01-01T00:00:00Z", "to": "events"})
    ],
    ("POST", "/api/deliveries/pause"): lambda _: [({}, {"to": "events"})],
    ("POST", "/api/deliveries/resume"): lambda _: [({}, {"to": "events"})],
    ("GET", "/api/disputes"): lambda _: [({}, None)],
    ("GET", "/api/links"): lambda _: [({}, None)],
    ("GET", "/api/tokens"): lambda _: [({"shopperReference": SHOPPER}, None)],
    ("POST", "/api/tokens/{token_id}/disable"): lambda _: [({}, None)],
    ("GET", "/api/today"): lambda _: [({}, None)],
    ("GET", "/api/payouts"): lambda _: [({}, None)],
    ("GET", "/api/payouts/{batch}"): lambda _: [({}, None)],
    ("GET", "/api/cases"): lambda _: [({}, None)],
    ("GET", "/api/cases/{case_id}"): lambda _: [({}, None)],
    ("POST", "/api/cases/{case_id}/close"): lambda _: [({}, {"why": "it was paid"})],
    ("GET", "/api/doctor"): lambda _: [({}, None)],
    ("GET", "/storedPaymentMethods"): lambda v: [
        ({"merchantAccount": v.account, "shopperReference": SHOPPER}, None)
    ],
    ("DELETE", "/storedPaymentMethods/{stored_id}"): lambda v: [
        ({"merchantAccount": v.account, "shopperReference": SHOPPER}, None)
    ],
    ("POST", "/pal/servlet/Recurring/v68/listRecurringDetails"): lambda v: [
        ({}, {"merchantAccount": v.account, "shopperReference": SHOPPER})
    ],
    ("POST", "/pal/servlet/Recurring/v68/disable"): lambda v: [
        ({}, {"merchantAccount": v.account, "shopperReference": SHOPPER})
    ],
    ("GET", "/api/plans"): lambda _: [({}, None)],
    ("POST", "/api/plans"): lambda v: [({}, {"reference": v.ids["plan_id"]})],
    ("GET", "/api/plans/{plan_id}"): lambda _: [({}, None)],
    ("GET", "/api/subscriptions"): lambda v: [({"plan": v.ids["plan_id"]}, None)],
    ("POST", "/api/subscriptions"): lambda v: [
        (
            {},
            {
                "plan": v.ids["plan_id"],
                "reference": "SUB-1",
                "shopperReference": SHOPPER,
                "returnUrl": "https://shop.example/",
                "signUpBy": "link",
            },
        )
    ],
    ("GET", "/api/subscriptions/metrics"): lambda _: [({}, None)],
    ("GET", "/api/subscriptions/{subscription_id}"): lambda _: [({}, None)],
    ("PATCH", "/api/subscriptions/{subscription_id}"): lambda _: [
        ({}, {"amount": {"currency": "IDR", "value": 25_000}})
    ],
    ("POST", "/api/subscriptions/{subscription_id}/cancel"): lambda _: [({}, {})],
    ("POST", "/api/subscriptions/{subscription_id}/pause"): lambda _: [({}, {})],
    ("POST", "/api/subscriptions/{subscription_id}/resume"): lambda _: [({}, {})],
    ("POST", "/api/subscriptions/{subscription_id}/payment"): lambda v: [
        ({}, {name: _payment(v)[name] for name in ("channel", "browserInfo", "returnUrl")})
    ],
}


async def send(shops: Shops, caller: Owned, attempt: Attempt) -> tuple[int, str]:
    """Make an attempt; returns the status and the text of the answer."""
    path, query = attempt.path, dict(attempt.query)
    if path.startswith("/pay/"):
        form = attempt.body if isinstance(attempt.body, dict) else None
        answer = await shops.http.request(attempt.method, path, params=query, data=form)
    else:
        url = str(shops.http.build_request("GET", path, params=query).url.raw_path, "ascii")
        answer = await shops.call(caller.account, attempt.method, url, attempt.body)
    return answer.status_code, answer.text


def is_empty(attempt: Attempt, text: str) -> bool:
    """Whether an answer lists nothing, or only what the caller's shop has itself."""
    if attempt.path in OF_THE_CALLER:
        return True
    if attempt.path.endswith(".csv"):
        return len(text.splitlines()) == 1  # The header.
    fields = json.loads(text)
    return not any(fields.values()) if isinstance(fields, dict) else False


async def rows_of(parts: Parts, but: Sequence[str] = ()) -> str:
    """All rows of all tables of an account, but those of some tables and of the job engine."""
    tables = await parts.pool.fetch(
        "SELECT quote_ident(tablename) AS name FROM pg_tables"
        " WHERE schemaname = current_schema() AND tablename NOT LIKE 'pgqueuer%'"
        " AND tablename <> ALL ($1) ORDER BY 1",
        list(but),
    )
    texts = [
        await parts.pool.fetchval(
            f"SELECT coalesce(string_agg(t::text, ' ' ORDER BY t::text), '') FROM {row['name']} t"
        )
        for row in tables
    ]

    assert len(texts) > 20
    return "\n".join(texts)


def item(account: str, psp_reference: str, key: str, **changes: Any) -> dict[str, Any]:
    """An item for an account, about the payment of REFERENCE."""
    fields = {
        "merchantAccountCode": account,
        "merchantReference": REFERENCE,
        "pspReference": psp_reference,
    }
    return notification_item(key=key, **fields | changes)


def token_notification(account: str) -> bytes:
    """A notification that an account's shopper has saved a wallet."""
    data = {
        "merchantAccount": account,
        "shopperReference": SHOPPER,
        "storedPaymentMethodId": STORED_ID,
        "type": "gopay_wallet",
    }
    body = {
        "type": "recurring.token.created",
        "eventId": "QBQQ9DLNRHHKGK38",
        "createdAt": "2026-05-05T05:05:05+02:00",
        "environment": "test",
        "data": data,
    }
    return json.dumps(body).encode()
