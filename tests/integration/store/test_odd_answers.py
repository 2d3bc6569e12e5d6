"""A payment is not lost when Adyen's answer has values that PostgreSQL cannot store."""

from __future__ import annotations

import json
import secrets
from typing import Final

import pytest

from fake_server import plain, serving
from fakes import payment_body
from kasir.gateway.renewal_messages import why_refused
from kasir.payments.status import Status
from kasir.subscriptions.dunning import Reason
from opened_kasir import a_database, kasir_on

#: JSON values; "\udcff" is sent as the byte 0xFF.
ODD: Final = [
    pytest.param('"a\\ud83d"', id="half a surrogate pair"),
    pytest.param('"a\\u0000"', id="NUL"),
    pytest.param('"a\udcff"', id="invalid UTF-8"),
    pytest.param("NaN", id="NaN"),
    pytest.param("1e999", id="1e999"),
]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("field", ["refusalReason", "pspReference", "merchantReference"])
async def test_a_payment_whose_answer_has_an_odd_value_is_not_lost(
    postgres_dsn: str, field: str, odd: str
) -> None:
    reference = f"ODD-{secrets.token_hex(4)}"
    fields = {"resultCode": "Refused", "pspReference": "PSP1", field: "HERE"}
    body = json.dumps(fields).replace('"HERE"', odd).encode("utf-8", "surrogateescape")
    async with a_database(postgres_dsn) as database, serving() as fake_server:
        fake_server.handler = plain(200, body, pspReference="PSP\udcff")
        async with kasir_on(database, ADYEN_TWIN_URL=fake_server.url) as kasir:
            request_body = json.dumps(payment_body(reference=reference)).encode()
            answer, _ = await kasir.checkout.payments(request_body, version=72, shop_key="order-1")
            again, _ = await kasir.checkout.payments(request_body, version=72, shop_key="order-1")
            (payment,) = await kasir.payments.payments_of(reference, 10)

    assert (answer.status, answer.body) == (200, body)
    assert again.body == body
    assert payment.status is Status.REFUSED
    assert len(fake_server.asked) == 1


def test_a_refusal_with_odd_characters_still_gives_its_reason() -> None:
    answer = b'{"resultCode":"Refused","refusalReasonCode":"2","refusalReason":"\\ud83d"}'
    plain_answer = answer.replace(b"\\ud83d", b"x")

    assert why_refused(Status.REFUSED, answer, [], asked=True) == why_refused(
        Status.REFUSED, plain_answer, [], asked=True
    )
    assert isinstance(why_refused(Status.REFUSED, answer, [], asked=True), Reason)
