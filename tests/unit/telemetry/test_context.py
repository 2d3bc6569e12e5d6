from __future__ import annotations

from typing import Any

import pytest
from structlog.contextvars import get_contextvars

from kasir.telemetry import context
from kasir.telemetry.origin import Origin, continuing, origin


def shown() -> dict[str, Any]:
    """The ids that a log line would have now."""
    return {name: value for name, value in get_contextvars().items() if value is not ...}


@pytest.mark.parametrize("given", ["a", "REQ-1:2.3_4", "x" * 64])
def test_the_id_of_a_request_is_kept_if_it_is_usable(given: str) -> None:
    assert context.request_id_of(given.encode()) == given


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(None, id="none"),
        pytest.param(b"", id="empty"),
        pytest.param(b"x" * 65, id="too long"),
        pytest.param(b"two words", id="a space"),
        pytest.param(b"line\nbreak", id="a line break"),
        pytest.param(b"end\n", id="a line break at the end"),
        pytest.param("é".encode(), id="not ASCII"),
        pytest.param(b"budi@example.com", id="an e-mail address"),
    ],
)
def test_an_unusable_id_of_a_request_is_replaced_by_a_new_one(given: bytes | None) -> None:
    made, another = context.request_id_of(given), context.request_id_of(given)

    assert made.startswith("req_")
    assert made != another


def test_a_payment_stays_named_until_its_request_ends() -> None:
    with context.request("req_1"):
        with context.payment("pay_1"):
            pass
        after_the_payment = shown()

    assert after_the_payment == {"request": "req_1", "payment": "pay_1"}
    assert shown() == {}


def test_outside_of_a_request_a_payment_is_named_only_in_its_context() -> None:
    with context.payment("pay_1"):
        inside = shown()

    assert (inside, shown()) == ({"payment": "pay_1"}, {})


def test_a_request_has_no_account_of_an_earlier_one() -> None:
    with context.request("req_1"):
        context.bind_account("SecondMerchant")
        first = shown(), context.account()
        with context.request("req_2"):
            second = shown(), context.account()

    assert first == ({"request": "req_1", "account": "SecondMerchant"}, "SecondMerchant")
    assert second == ({"request": "req_2"}, "")


def test_a_job_names_the_request_that_queued_it() -> None:
    with context.job("deliver", 7, "req_1"):
        with_request = shown(), origin()
    with context.job("deliver", 8, ""):
        without_request = shown(), origin()

    assert with_request == (
        {"request": "req_1", "job": "deliver", "job_id": 7},
        Origin(request_id="req_1"),
    )
    assert without_request == ({"job": "deliver", "job_id": 8}, Origin())


def test_a_part_of_a_job_can_have_another_origin() -> None:
    with context.job("deliver", 7, ""):
        with continuing(Origin(request_id="req_9")), context.subject("pay_1"):
            part = shown()
        rest = shown()

    assert part == {"request": "req_9", "job": "deliver", "job_id": 7, "payment": "pay_1"}
    assert rest == {"job": "deliver", "job_id": 7}


def test_the_subject_of_an_event_is_named_only_if_it_is_a_payment() -> None:
    with context.subject("sub_1"):
        assert shown() == {}
