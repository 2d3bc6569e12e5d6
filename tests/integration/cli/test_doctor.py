"""Each check of `kasir doctor` fails when its fault is present, and states what to do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from fakes import a_question, an_intent
from kasir.config import settings_from
from kasir.demo.client import JourneyClient, reference
from kasir.demo.processes import RunningDemo
from kasir.doctor.findings import findings_of
from kasir.gateway.account_checks import Finding
from kasir.wiring import open_parts

# The names of the checks, as the doctor prints them.
DATABASE_USABLE = "database"
KEY_ACCEPTED = "Adyen answers this key"
GOPAY_LISTED = "GoPay is listed for ID and IDR"
STANDARD_WEBHOOK = "a signed standard notification came lately"
TOKEN_WEBHOOK = "a signed tokens notification came lately"
NOTICES_UNDERSTOOD = "notifications were understood"
ONE_OWNER_EACH = "every pspReference has one payment"
CALLS_ANSWERED = "calls to Adyen were answered"
TOKENS_AGREE = "tokens agree with Adyen's list"
ENDS_CONFIRMED = "Adyen confirmed how attempts ended"
EVENTS_TAKEN = "the shop takes its events"
CAPTURES = "payments are captured when they are authorised"
OUTCOMES_KNOWN = "the outcome of every payment is known"
ADDRESS_REACHED = "the public address is reached"
MODES_SEPARATE = "test and live are not mixed"

#: Nothing listens there.
UNREACHABLE_DATABASE = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.fixture
def environ(system: RunningDemo, fresh_database: str) -> dict[str, str]:
    """The settings of the running demo, on an empty database."""
    return {**system.environment, "KASIR_DATABASE_URL": fresh_database}


async def test_a_new_shop_is_shown_which_webhooks_are_missing(
    environ: dict[str, str],
) -> None:
    failures = await _failures(environ)

    assert {STANDARD_WEBHOOK, TOKEN_WEBHOOK} == failures.keys()
    assert f"{environ['KASIR_PUBLIC_URL']}/webhooks/adyen/tokens" in failures[TOKEN_WEBHOOK]


async def test_a_missing_setting_is_named(environ: dict[str, str]) -> None:
    del environ["ADYEN_HMAC_KEY"]

    found = await findings_of(environ)

    assert [finding.what for finding in found if not finding.is_well] == ["settings"]
    assert "ADYEN_HMAC_KEY: is not set; `kasir setup`" in found[0].says


async def test_a_malformed_setting_ends_the_checks(environ: dict[str, str]) -> None:
    found = await findings_of({**environ, "ADYEN_HMAC_KEY": "short"})

    assert [finding.what for finding in found] == ["settings"]


async def test_an_account_that_captures_by_hand_is_reported(
    environ: dict[str, str], journey_client: JourneyClient
) -> None:
    await journey_client.twin("PUT", "/twin/knobs", {"capture": "manual"})
    try:
        failures = await _failures(environ)
    finally:
        await journey_client.twin("DELETE", "/twin/knobs")

    assert "the capture delay is manual" in failures[CAPTURES]


async def test_a_key_without_the_role_for_the_account_is_said_and_is_no_fault(
    environ: dict[str, str], journey_client: JourneyClient
) -> None:
    await journey_client.twin("PUT", "/twin/knobs", {"roles": ["Checkout webservice role"]})
    try:
        found = {finding.what: finding for finding in await findings_of(environ)}
    finally:
        await journey_client.twin("DELETE", "/twin/knobs")

    assert found[CAPTURES].is_well
    assert "`Management API—Account read`" in found[CAPTURES].says


@pytest.mark.parametrize(("minutes", "is_well"), [(5, True), (90, False)])
async def test_a_payment_whose_outcome_is_unknown_is_reported_with_its_time(
    environ: dict[str, str], minutes: int, is_well: bool
) -> None:
    async with open_parts(settings_from(environ)) as kasir:
        opened_at = kasir.clock.now() - timedelta(minutes=minutes)
        intent = an_intent(created_at=opened_at)
        await kasir.payments.open(intent, a_question(opened_at=opened_at), None)
        await kasir.pool.execute("UPDATE payment SET status = 'unknown'")
    (found,) = [one for one in await findings_of(environ) if one.what == OUTCOMES_KNOWN]

    assert found.is_well is is_well
    assert f"1 are unknown, the first since {opened_at:%Y-%m-%dT%H:%M}" in found.says


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:1", "no answer (ClientConnectorError)"),
        ("http://no-such-host.invalid", "its name is not found in DNS"),
    ],
)
async def test_a_public_address_that_is_not_reached_is_reported(
    environ: dict[str, str], url: str, words: str
) -> None:
    failures = await _failures({**environ, "KASIR_PUBLIC_URL": url})

    assert f"{url}: {words}" in failures[ADDRESS_REACHED]


async def test_the_setting_of_an_unreachable_database_is_named(environ: dict[str, str]) -> None:
    environ["KASIR_DATABASE_URL"] = UNREACHABLE_DATABASE

    failures = await _failures(environ)

    assert "KASIR_DATABASE_URL" in failures[DATABASE_USABLE]


async def test_a_wrong_key_and_no_answer_are_different_findings(environ: dict[str, str]) -> None:
    wrong_key = await _failures({**environ, "ADYEN_API_KEY": "wrong"})
    no_answer = await _failures({**environ, "ADYEN_TWIN_URL": "http://127.0.0.1:1"})

    assert "ADYEN_API_KEY" in wrong_key[KEY_ACCEPTED]
    assert "no answer" in no_answer[KEY_ACCEPTED]
    assert GOPAY_LISTED in wrong_key.keys() & no_answer.keys()


async def test_the_operator_is_asked_to_add_gopay_if_it_is_not_listed(
    environ: dict[str, str], journey_client: JourneyClient
) -> None:
    await journey_client.twin("PUT", "/twin/knobs", {"amountMax": 1_000})
    try:
        failures = await _failures(environ)
    finally:
        await journey_client.twin("DELETE", "/twin/knobs")

    assert "Customer Area" in failures[GOPAY_LISTED]
    assert KEY_ACCEPTED not in failures


async def test_a_held_notice_a_conflicting_pspreference_and_a_lost_call_are_counted(
    environ: dict[str, str], fresh_database: str
) -> None:
    await findings_of(environ)  # Creates the schema.
    connection = await asyncpg.connect(fresh_database)
    try:
        now = datetime.now(UTC)
        await connection.execute(
            "INSERT INTO notice (key, kind, item, received_at, state, event_code, names)"
            " VALUES ('k', 'standard', 'i', $1, 'held', 'REFUND', '{}')",
            now,
        )
        # Two payments that both claim one pspReference.
        await connection.execute(
            "INSERT INTO payment (id, reference, currency, minor_units, method, return_url,"
            " shopper_reference, captures_itself, model, consent, created_at, close_at, status,"
            " told_status) SELECT 'pay_' || n, 'ORDER', 'IDR', 1, 'gopay_wallet', '', '', true, '',"
            " '', now(), now(), 'authorised', 'authorised' FROM generate_series(1, 2) AS n"
        )
        await connection.execute("INSERT INTO psp_reference VALUES ('PSP', 'pay_1')")
        await connection.execute("INSERT INTO psp_reference_conflict VALUES ('PSP', 'pay_2')")
        # A call that Adyen never answered.
        await connection.execute(
            "INSERT INTO question (key, kind, version, path, body, opened_at, asked_at)"
            " VALUES ('q', 'details', 72, '/', 'b', $1, $1)",
            now - timedelta(days=400),
        )
    finally:
        await connection.close()

    failures = await _failures(environ)

    assert failures[NOTICES_UNDERSTOOD].startswith("1 held: ")
    assert failures[ONE_OWNER_EACH].startswith("PSP is pay_1's, and pay_2 bears it too: ")
    assert failures[CALLS_ANSWERED].startswith("1 not, the first since ")
    assert failures[CALLS_ANSWERED].endswith("; is a worker running, and does Adyen answer?")
    assert STANDARD_WEBHOOK not in failures


@pytest.mark.parametrize(("days", "is_failure"), [(1, False), (3, True)])
async def test_an_attempt_without_a_notification_is_reported(
    environ: dict[str, str], days: int, is_failure: bool
) -> None:
    async with open_parts(settings_from(environ)) as kasir:
        close_at = kasir.clock.now() - timedelta(days=days)
        intent = an_intent(close_at=close_at, created_at=close_at - timedelta(hours=1))
        await kasir.payments.open(intent, a_question(opened_at=intent.created_at), None)
        await kasir.closing.attempts.postpone(intent.id, kasir.clock.now() + timedelta(hours=1))
    found = {finding.what: finding for finding in await findings_of(environ)}

    assert found[ENDS_CONFIRMED].is_well is not is_failure
    assert f"1 not yet, the first since {close_at:%Y-%m-%d}" in found[ENDS_CONFIRMED].says


#: The settings of a shop that receives events.
EVENTS_SETTINGS = {
    "KASIR_EVENTS_URL": "http://127.0.0.1:9/",
    "KASIR_EVENTS_SECRET": "whsec_" + "c2VjcmV0" * 4,
}


@pytest.mark.parametrize(
    # The age of an undelivered event, if any; the status or error of the last delivery, if any.
    ("event_age", "last_answer", "events_settings", "is_well", "expected"),
    [
        pytest.param(None, None, {}, True, "none waits", id="no event"),
        pytest.param(
            None,
            "204",
            EVENTS_SETTINGS,
            True,
            "none waits; the last answer was 204 on ",
            id="all were delivered",
        ),
        pytest.param(
            "1 second", None, EVENTS_SETTINGS, True, "1 wait, the first since ", id="a new event"
        ),
        pytest.param(
            "1 second", "503", EVENTS_SETTINGS, False, "; the last answer was 503 on ", id="refused"
        ),
        pytest.param(
            "1 second",
            "TimeoutError",
            EVENTS_SETTINGS,
            False,
            "; the last answer was TimeoutError on ",
            id="not answered",
        ),
        pytest.param(
            "2 minutes", "204", EVENTS_SETTINGS, False, "1 wait, the first since ", id="no worker"
        ),
        pytest.param("1 second", "204", {}, False, "1 wait", id="the address is no longer set"),
    ],
)
async def test_waiting_events_are_shown_with_their_age_and_the_shops_last_answer(
    environ: dict[str, str],
    event_age: str | None,
    last_answer: str | None,
    events_settings: dict[str, str],
    is_well: bool,
    expected: str,
) -> None:
    event_environ = {**environ, **events_settings}
    async with open_parts(settings_from(event_environ)) as kasir:
        # Without a newer event, the last answer belongs to this delivered one.
        await kasir.pool.execute(
            "INSERT INTO event (name, subject, type, at, payload, tries, delivered_at)"
            " VALUES ('evt_0', 'pay_0', 'x', now(), '', 1, now())"
        )
        if event_age:
            await kasir.pool.execute(
                "INSERT INTO event (name, subject, type, at, payload, due_at) VALUES"
                " ('evt_1', 'pay_1', 'x', $2::timestamptz - $1::text::interval, '', $2)",
                event_age,
                kasir.clock.now(),
            )
        if last_answer:
            is_status = last_answer.isdigit()
            status, error = (int(last_answer), "") if is_status else (None, last_answer)
            await kasir.pool.execute(
                "INSERT INTO event_try (event_id, at, status, error)"
                " SELECT max(id), now(), $1, $2 FROM event",
                status,
                error,
            )
    (found,) = [
        finding for finding in await findings_of(event_environ) if finding.what == EVENTS_TAKEN
    ]

    assert expected in found.says
    assert found.is_well is is_well
    assert ("see `Paid, but the order was not delivered`" in found.says) is not is_well


@pytest.mark.parametrize(("days", "is_well"), [(1, False), (8, True)])
async def test_an_event_that_was_given_up_is_shown_for_a_week(
    environ: dict[str, str], days: int, is_well: bool
) -> None:
    event_environ = {**environ, **EVENTS_SETTINGS}
    async with open_parts(settings_from(event_environ)) as kasir:
        await kasir.pool.execute(
            "INSERT INTO event (name, subject, type, at, payload, tries, given_up_at) VALUES"
            " ('evt_1', 'pay_1', 'x', now(), '', 11, now() - $1 * interval '1 day')",
            days,
        )
    (found,) = [
        finding for finding in await findings_of(event_environ) if finding.what == EVENTS_TAKEN
    ]

    assert found.is_well is is_well
    assert ("1 were given up in the last 7 days" in found.says) is not is_well


async def test_a_token_whose_webhook_was_lost_is_adopted_and_reported(
    environ: dict[str, str], journey_client: JourneyClient
) -> None:
    shopper = reference("doctor")
    # The twin then sends no webhooks of tokens.
    await journey_client.twin("PUT", "/twin/knobs", {"tokensTold": "never"})
    try:
        async with open_parts(settings_from(environ)) as kasir:
            body = journey_client.payment(
                reference("doctor"),
                storePaymentMethod=True,
                shopperReference=shopper,
                recurringProcessingModel="Subscription",
            )
            reply = await journey_client.call("POST", "/v72/payments", body)
            await journey_client.shopper(reply.json["action"], "approve")
            # The comparison of this shopper's tokens with Adyen's list is due.
            await kasir.pool.execute(
                "INSERT INTO shopper (shopper_reference, look_at) VALUES ($1, now())", shopper
            )
            await journey_client.advance(60)
            first, second = await _failures(environ), await _failures(environ)
            tokens = await kasir.tokens.of(shopper)
    finally:
        await journey_client.twin("DELETE", "/twin/knobs")

    assert "1 adopted" in first[TOKENS_AGREE]
    assert TOKENS_AGREE not in second
    assert [token.is_active for token in tokens] == [True]


async def test_live_with_a_local_public_url_and_one_key_for_both_webhooks_is_reported(
    environ: dict[str, str],
) -> None:
    live = {
        **environ,
        "ADYEN_ENVIRONMENT": "live",
        "KASIR_RELAY_URL": "",  # The demo's is without TLS.
        "ADYEN_LIVE_PREFIX": "1797a841fbb37ca7-Example",
        "ADYEN_API_KEY": "AQE-live-key",
        "ADYEN_MERCHANT_ACCOUNT": "WarungECOM",
        "KASIR_API_KEY": "5f0c9b1e7a3d48268f14b7e2c96d0a35",
        "KASIR_PUBLIC_URL": "https://127.0.0.1",
        "ADYEN_TOKEN_HMAC_KEY": environ["ADYEN_HMAC_KEY"],  # The same key.
        "KASIR_SECRET_KEY": "a-secret-of-thirty-two-characters",
        "KASIR_DATABASE_URL": UNREACHABLE_DATABASE,
    }

    failures = await _failures(live)

    assert "KASIR_PUBLIC_URL" in failures[MODES_SEPARATE]
    assert "each webhook has its own" in failures[MODES_SEPARATE]


async def test_live_with_a_test_account_and_no_key_of_the_token_webhook_is_reported(
    environ: dict[str, str],
) -> None:
    live = {
        **environ,
        "ADYEN_ENVIRONMENT": "live",
        "KASIR_RELAY_URL": "",  # The demo's is without TLS.
        "ADYEN_LIVE_PREFIX": "1797a841fbb37ca7-Example",
        "ADYEN_API_KEY": "AQE-live-key",
        "ADYEN_MERCHANT_ACCOUNT": "WarungTestECOM",
        "ADYEN_TOKEN_HMAC_KEY": "",
        "KASIR_API_KEY": "5f0c9b1e7a3d48268f14b7e2c96d0a35",
        "KASIR_PUBLIC_URL": "https://pay.shop.example",
        "KASIR_SECRET_KEY": "a-secret-of-thirty-two-characters",
        "KASIR_DATABASE_URL": UNREACHABLE_DATABASE,
    }
    failures = await _failures(live)

    assert "ADYEN_MERCHANT_ACCOUNT has `test` in its name" in failures[MODES_SEPARATE]
    assert "ADYEN_TOKEN_HMAC_KEY is not set" in failures[MODES_SEPARATE]
    assert "KASIR_PUBLIC_URL" not in failures[MODES_SEPARATE]


async def test_shoppers_whose_tokens_adyen_does_not_list_are_counted(
    environ: dict[str, str], journey_client: JourneyClient
) -> None:
    async with open_parts(settings_from(environ)) as kasir:
        await kasir.pool.execute(
            "INSERT INTO shopper (shopper_reference, look_at) VALUES ($1, now())",
            reference("doctor"),
        )
    await journey_client.twin("PUT", "/twin/faults", [{"fault": "error_503", "call": "tokens"}])
    try:
        failures = await _failures(environ)
    finally:
        await journey_client.twin("DELETE", "/twin/faults")

    assert failures[TOKENS_AGREE] == "Adyen did not answer for 1 of 1 shoppers"


async def _failures(environ: Mapping[str, str]) -> dict[str, str]:
    """The messages of the failed checks, by the check's name."""
    found: list[Finding] = await findings_of(environ)
    return {finding.what: finding.says for finding in found if not finding.is_well}
