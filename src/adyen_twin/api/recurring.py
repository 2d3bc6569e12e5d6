"""Listing and removing tokens over HTTP: Checkout's way, and the classic Recurring API's.

Sources: Adyen's OpenAPI files of Checkout v71 and v72 and of Recurring v68. GUESS: the
values GoPay's rows bear; the schemas are real.
"""

from typing import Any, Final

from litestar import Router, delete, get, post

from adyen_twin.api.exchange import Call, Operation, Reply, exchange
from adyen_twin.api.http import HttpRequest, HttpResponse
from adyen_twin.core.clock import spelled
from adyen_twin.core.state import Token
from adyen_twin.core.twin import Twin
from adyen_twin.protocol import change_checks, errors, rules
from adyen_twin.protocol.limits import GOPAY, V72
from adyen_twin.protocol.rules import Asked
from adyen_twin.simulation import tokens

NAME: Final = "GoPay Wallet"
INTERACTIONS: Final = ["Ecommerce", "ContAuth"]


def row(twin: Twin, token: Token) -> dict[str, Any]:
    """Return a token as /paymentMethods lists it."""
    return {
        "id": token.id,
        "name": NAME,
        "type": GOPAY,
        "supportedRecurringProcessingModels": tokens.models(twin, token),
        "supportedShopperInteractions": INTERACTIONS,
    }


def resource(twin: Twin, token: Token, version: int) -> dict[str, Any]:
    """Return a token as /storedPaymentMethods lists it; v72 says when it was first used."""
    said = {
        "id": token.id,
        "name": NAME,
        "type": GOPAY,
        "shopperReference": token.shopper_reference,
        "supportedRecurringProcessingModels": tokens.models(twin, token),
    }
    if version < V72:
        return said
    first = token.first_psp_reference
    return said | {"createdAt": spelled(token.created_at), "firstPspReference": first}


def detail(twin: Twin, token: Token) -> dict[str, Any]:
    """Return a token as the classic API lists it."""
    return {
        "RecurringDetail": {
            "recurringDetailReference": token.id,
            "variant": GOPAY,
            "paymentMethodVariant": GOPAY,
            "contractTypes": tokens.contracts(twin, token),
            "creationDate": spelled(token.created_at),
            "firstPspReference": token.first_psp_reference,
            "additionalData": {},
        }
    }


def list_stored(twin: Twin, call: Call) -> Reply:
    """Answer GET /storedPaymentMethods."""
    account, shopper = _whose(twin, call)
    held = tokens.of_shopper(twin, account, shopper)
    return Reply(
        body={
            "merchantAccount": account,
            "shopperReference": shopper,
            "storedPaymentMethods": [resource(twin, token, call.version) for token in held],
        }
    )


def remove_stored(twin: Twin, call: Call) -> Reply:
    """Answer DELETE /storedPaymentMethods/{id}: 204, and a webhook that it is disabled."""
    account, shopper = _whose(twin, call)
    token = tokens.found(twin, account, shopper, call.path["storedPaymentMethodId"])
    tokens.disable(twin, token)
    return Reply(status=204)


def list_details(twin: Twin, call: Call) -> Reply:
    """Answer the classic /listRecurringDetails; without tokens, with an empty object."""
    account, shopper = _whose(twin, call)
    wanted = change_checks.contract(call.body)
    held = [
        token
        for token in tokens.of_shopper(twin, account, shopper)
        if wanted <= set(tokens.contracts(twin, token))
    ]
    if not held:
        return Reply(body={})
    return Reply(
        body={
            "creationDate": spelled(held[0].created_at),
            "details": [detail(twin, token) for token in held],
            "shopperReference": shopper,
        }
    )


def disable(twin: Twin, call: Call) -> Reply:
    """Answer the classic /disable. Without a detail, it disables every one of the shopper's."""
    account, shopper = _whose(twin, call)
    name, contract = call.body.get("recurringDetailReference"), call.body.get("contract")
    held = tokens.of_shopper(twin, account, shopper)
    if not held:
        raise errors.no_contract()
    chosen = [tokens.found(twin, account, shopper, str(name))] if name else held
    if contract:
        tokens.disable_contract(twin, chosen, str(contract))
    else:
        for token in chosen:
            tokens.disable(twin, token)
    said = "detail-successfully-disabled" if name else "all-details-successfully-disabled"
    return Reply(body={"response": f"[{said}]"})


def _whose(twin: Twin, call: Call) -> tuple[str, str]:
    asked = Asked(body=call.body, version=call.version, knobs=twin.knobs, settings=twin.settings)
    rules.check(change_checks.TOKENS, asked)
    return call.body["merchantAccount"], call.body["shopperReference"]


def _about(_: Twin, call: Call) -> str | None:
    """No payment is named: faults are aimed at these calls by shopperReference."""
    said = call.body.get("shopperReference")
    return said if isinstance(said, str) else None


LIST_STORED: Final = Operation(name="tokens", act=list_stored, about=_about)
REMOVE_STORED: Final = Operation(name="tokens", act=remove_stored, about=_about)
LIST_DETAILS: Final = Operation(name="tokens", act=list_details, about=_about)
DISABLE: Final = Operation(name="tokens", act=disable, about=_about)


@get("/storedPaymentMethods")
async def get_stored(request: HttpRequest) -> HttpResponse:
    """List a shopper's tokens."""
    return await exchange(request, LIST_STORED)


# The answer itself says 204; a handler that promises it could not answer errors.
@delete("/storedPaymentMethods/{storedPaymentMethodId:str}", status_code=200)
async def delete_stored(request: HttpRequest) -> HttpResponse:
    """Remove a token."""
    return await exchange(request, REMOVE_STORED)


@post("/listRecurringDetails", status_code=200)
async def post_list_details(request: HttpRequest) -> HttpResponse:
    """List a shopper's tokens, the classic way."""
    return await exchange(request, LIST_DETAILS)


@post("/disable", status_code=200)
async def post_disable(request: HttpRequest) -> HttpResponse:
    """Disable one token or all, the classic way."""
    return await exchange(request, DISABLE)


def classic_router() -> Router:
    """Return the classic Recurring API."""
    handlers = [post_list_details, post_disable]
    return Router("/pal/servlet/Recurring/v68", route_handlers=handlers)
