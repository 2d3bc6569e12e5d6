"""Shoppers' saved wallets as Kasir has recorded them, with the disabled ones: `/api/tokens`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, QueryParameter

from kasir.errors import Fault, InvalidRequest, NotFound
from kasir.http_types import AnyRequest, OurParts
from kasir.shop_events.shapes import TokenOut, shown_token
from kasir.web.documented import Documented
from kasir.web.keys import keyed_router
from kasir.web.problems import response
from kasir.web.query_parameters import NO_PARAMETERS, check_parameters_and_no_body

_PARAMETERS: Final = frozenset({"shopperReference"})


class TokensOut(msgspec.Struct):
    """A shopper's tokens, newest first."""

    tokens: list[TokenOut]


Shopper = Annotated[
    str,
    QueryParameter(
        name="shopperReference", max_length=256, description="The shop's reference of the shopper."
    ),
]


@get("/api/tokens")
async def get_tokens(request: AnyRequest, parts: OurParts, shopper: Shopper = "") -> TokensOut:
    """List a shopper's tokens, newest first, disabled ones too."""
    await check_parameters_and_no_body(request, _PARAMETERS)
    if not shopper:
        cure = "give your own reference of the shopper."
        raise InvalidRequest([Fault("shopperReference", cure)])
    return TokensOut([shown_token(token) for token in await parts.tokens.of(shopper)])


@post("/api/tokens/{token_id:str}/disable", status_code=200, documented=Documented(answer=TokenOut))
async def post_token_disable(
    request: AnyRequest, parts: OurParts, token_id: FromPath[str]
) -> Response[bytes]:
    """Remove a saved wallet at Adyen: it cannot be charged again. Adyen's error is passed on."""
    await check_parameters_and_no_body(request, NO_PARAMETERS)
    answer = await parts.stored.disable(token_id)
    if answer is not None and answer.status != HTTPStatus.NO_CONTENT:
        return response(answer)
    token = await parts.tokens.find(token_id)
    if token is None:
        raise NotFound("token", token_id)
    return Response(msgspec.json.encode(shown_token(token)), media_type="application/json")


ROUTES: Final = keyed_router("Kasir", [get_tokens, post_token_disable])
