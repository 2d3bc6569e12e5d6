"""Listing and removing tokens over HTTP, in Checkout's and in the classic Recurring API.

Sources: Adyen's OpenAPI files of Checkout v71 and v72 and of Recurring v68. GUESS: the
values of GoPay's tokens; the schemas are Adyen's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from litestar import Router, delete, get, post

from adyen_twin.api.exchange import Call, Operation, Reply, check, exchange
from adyen_twin.core import roles
from adyen_twin.core.clock import format_adyen
from adyen_twin.core.state import Token
from adyen_twin.core.twin import Twin
from adyen_twin.http_types import HttpRequest, HttpResponse
from adyen_twin.protocol import change_checks
from adyen_twin.protocol.limits import GOPAY, V72
from adyen_twin.simulation import tokens
from adyen_twin.simulation.policy import interactions_of

#: The name of the payment method that shoppers see.
NAME: Final = "GoPay Wallet"


def row(twin: Twin, token: Token) -> dict[str, Any]:
    """Return a token as /paymentMethods lists it."""
    return {
        "id": token.id,
        "name": NAME,
        "type": GOPAY,
        "supportedRecurringProcessingModels": tokens.models(twin, token),
        "supportedShopperInteractions": interactions_of(twin, token),
    }


def resource(twin: Twin, token: Token, version: int) -> dict[str, Any]:
    """Return a token as /storedPaymentMethods lists it: from v72 on, with its first payment."""
    fields = {
        "id": token.id,
        "name": NAME,
        "type": GOPAY,
        "shopperReference": token.shopper_reference,
        "supportedRecurringProcessingModels": tokens.models(twin, token),
    }
    if version < V72:
        return fields
    return fields | {
        "createdAt": format_adyen(token.created_at),
        "firstPspReference": token.first_psp_reference,
    }


def detail(twin: Twin, token: Token) -> dict[str, Any]:
    """Return a token as the classic API lists it."""
    return {
        "RecurringDetail": {
            "recurringDetailReference": token.id,
            "variant": GOPAY,
            "paymentMethodVariant": GOPAY,
            "contractTypes": tokens.contracts(twin, token),
            "creationDate": format_adyen(token.created_at),
            "firstPspReference": token.first_psp_reference,
            "additionalData": {},
        }
    }


def list_stored(twin: Twin, call: Call) -> Reply:
    """Answer GET /storedPaymentMethods."""
    account, shopper = _check_shopper(twin, call)
    active_tokens = tokens.of_shopper(twin, account, shopper)
    return Reply(
        body={
            "merchantAccount": account,
            "shopperReference": shopper,
            "storedPaymentMethods": [
                resource(twin, token, call.version) for token in active_tokens
            ],
        }
    )


def remove_stored(twin: Twin, call: Call) -> Reply:
    """Answer DELETE /storedPaymentMethods/{id} with 204; a webhook reports the disabled token."""
    account, shopper = _check_shopper(twin, call)
    token = tokens.find(twin, account, shopper, call.path["storedPaymentMethodId"])
    tokens.disable(twin, token)
    return Reply(status=204)


def list_details(twin: Twin, call: Call) -> Reply:
    """Answer the classic /listRecurringDetails; the answer is {} if there are no tokens."""
    account, shopper = _check_shopper(twin, call)
    contracts = change_checks.contract(call.body)
    listed = [
        token
        for token in tokens.of_shopper(twin, account, shopper)
        if contracts <= set(tokens.contracts(twin, token))
    ]
    if not listed:
        return Reply(body={})
    return Reply(
        body={
            "creationDate": format_adyen(listed[0].created_at),
            "details": [detail(twin, token) for token in listed],
            "shopperReference": shopper,
        }
    )


def disable(twin: Twin, call: Call) -> Reply:
    """Answer the classic /disable, which disables one token or, if none is named, all."""
    account, shopper = _check_shopper(twin, call)
    token_id, contract = call.body.get("recurringDetailReference"), call.body.get("contract")
    active_tokens = tokens.of_shopper(twin, account, shopper)
    if not active_tokens:
        raise tokens.wrong_shopper(twin)
    to_disable = active_tokens
    if token_id:
        to_disable = [tokens.find(twin, account, shopper, str(token_id))]
    if contract:
        tokens.disable_contract(twin, to_disable, str(contract))
    else:
        for token in to_disable:
            tokens.disable(twin, token)
    result = "detail-successfully-disabled" if token_id else "all-details-successfully-disabled"
    return Reply(body={"response": f"[{result}]"})


def _check_shopper(twin: Twin, call: Call) -> tuple[str, str]:
    """Check a call about tokens; return its merchantAccount and shopperReference."""
    check(change_checks.TOKENS, twin, call)
    return call.body["merchantAccount"], call.body["shopperReference"]


def _shopper_reference(_: Twin, call: Call) -> str | None:
    """Return the shopperReference; it selects the planned faults, as the call has no payment."""
    shopper = call.body.get("shopperReference")
    return shopper if isinstance(shopper, str) else None


def _operation(run: Callable[[Twin, Call], Reply]) -> Operation:
    return Operation(name="tokens", run=run, reference=_shopper_reference, role=roles.RECURRING)


LIST_STORED: Final = _operation(list_stored)
REMOVE_STORED: Final = _operation(remove_stored)
LIST_DETAILS: Final = _operation(list_details)
DISABLE: Final = _operation(disable)


@get("/storedPaymentMethods")
async def get_stored(request: HttpRequest) -> HttpResponse:
    """List a shopper's tokens."""
    return await exchange(request, LIST_STORED)


# `remove_stored` sets the status 204. If this handler declared it, errors could have no body.
@delete("/storedPaymentMethods/{storedPaymentMethodId:str}", status_code=200)
async def delete_stored(request: HttpRequest) -> HttpResponse:
    """Remove a token."""
    return await exchange(request, REMOVE_STORED)


@post("/listRecurringDetails", status_code=200)
async def post_list_details(request: HttpRequest) -> HttpResponse:
    """List a shopper's tokens in the classic format."""
    return await exchange(request, LIST_DETAILS)


@post("/disable", status_code=200)
async def post_disable(request: HttpRequest) -> HttpResponse:
    """Disable one token or all of a shopper."""
    return await exchange(request, DISABLE)


def classic_router() -> Router:
    """Return the classic Recurring API."""
    handlers = [post_list_details, post_disable]
    return Router("/pal/servlet/Recurring/v68", route_handlers=handlers)
