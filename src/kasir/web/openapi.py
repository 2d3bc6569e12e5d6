"""The OpenAPI document: `/api/openapi.json`.

Litestar writes its paths, parameters and security. Handlers forward bytes, so this module adds the
shapes of requests and answers, the errors, the examples, and the addresses of Adyen's own schemas.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from copy import deepcopy
from functools import lru_cache
from typing import Any, Final

import msgspec
from litestar import Litestar, Request
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.routes import HTTPRoute

from kasir.adyen.calls import OWN_VERSION, RECURRING_VERSION
from kasir.shop_events.shapes import PaymentOut, TokenOut
from kasir.shop_events.subscription_shapes import SubscriptionOut
from kasir.web.adyen_shapes import AdyenError
from kasir.web.documented import documented
from kasir.web.examples import ANSWERS, ERRORS, EVENT, REQUESTS

_REFERENCE: Final = "#/components/schemas/{name}"
_ADYEN_FILES: Final = "https://github.com/Adyen/adyen-openapi/blob/main/json"
_DESCRIPTION: Final = (
    "Takes GoPay through Adyen. The paths under `/v…` and `/pal` are Adyen's own: their shapes "
    "here have the fields that Kasir or most shops read, and link to Adyen's schema for the others."
)
#: What an error status means.
_MEANINGS: Final = {
    400: "The body is not a JSON object.",
    401: "The API key is missing or unknown, or Adyen refused Kasir's own key.",
    403: "The merchant account is another's, or Adyen refused Kasir's own key.",
    404: "There is no such resource.",
    409: "A request with this idempotency key is in progress: repeat it in a moment.",
    413: "The body is too large.",
    422: "A field or a parameter is wrong; the message names it.",
    503: "The outcome is not known, or the database is away: repeat it with the same key.",
}
_OTHER: Final = (
    "Any other error, such as 405, or 500 after a fault of Kasir; the log has its cause."
)
#: The statuses that have the header `transient-error`.
_TRANSIENT: Final = frozenset({409, 503})
_IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "1 to 64 characters. A repeat with the same key and body does nothing twice.",
    "schema": {"type": "string", "maxLength": 64},
}
#: The headers of an event's webhook, as in Standard Webhooks.
_SIGNED_HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")


class _Plugin(JsonRenderPlugin):
    """Serves the document with what `complete` adds."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the document as JSON."""
        return _encoded(request.app)


CONFIG: Final = OpenAPIConfig(
    title="Kasir",
    version="0.1.0",
    description=_DESCRIPTION,
    # Litestar answers every path below this one with its own page.
    path="/api/openapi.json",
    render_plugins=[_Plugin(path="/")],
    operation_id_creator=lambda handler, _, path: _operation_id(handler, str(path[0])),
    use_handler_docstrings=True,
    components=Components(
        security_schemes={
            "apiKey": SecurityScheme(type="apiKey", name="X-API-Key", security_scheme_in="header"),
            "basic": SecurityScheme(
                type="http", scheme="basic", description="Any user name; the password is the key."
            ),
            "metricsKey": SecurityScheme(type="http", scheme="bearer"),
        }
    ),
)


@lru_cache(maxsize=8)
def _encoded(app: Litestar) -> bytes:
    return msgspec.json.encode(document(app))


def document(app: Litestar) -> dict[str, Any]:
    """Return the OpenAPI document of an app."""
    written = deepcopy(app.openapi_schema.to_schema())
    shapes: set[Any] = {AdyenError, PaymentOut, TokenOut, SubscriptionOut}
    for path, method, handler in _operations(app):
        operation = written["paths"][path][method]
        said = documented(handler)
        shapes |= {_answer_type(handler), said.body, said.unavailable}
        _complete(operation, path, handler)
    structs = sorted(filter(_is_shape, shapes), key=str)
    _, schemas = msgspec.json.schema_components(structs, ref_template=_REFERENCE)
    schemas["EventOut"]["properties"]["data"] = _event_data()
    written["components"] |= {
        "schemas": schemas,
        "responses": {str(status): _error(status) for status in _MEANINGS}
        | {"default": {"description": _OTHER, "content": _content(AdyenError, ERRORS[405])}},
    }
    written["webhooks"] = {"event": {"post": _webhook()}}
    return written


def _operations(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    """The path, the method and the handler of every documented route."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                for method in handler.http_methods - {"OPTIONS"}:
                    if handler.resolve_include_in_schema():
                        yield route.path_format, method.lower(), handler


def _operation_id(handler: HTTPRouteHandler, first: str) -> str:
    """The handler's name, with the version of its path unless it is Kasir's own version."""
    head, *rest = handler.handler_name.split(".")[-1].split("_")
    name = head + "".join(word.capitalize() for word in rest)
    is_other = first[:1] == "v" and first[1:].isdigit() and first != f"v{OWN_VERSION}"
    return name + first.upper() if is_other else name


def _complete(operation: dict[str, Any], path: str, handler: HTTPRouteHandler) -> None:
    """Add a route's shapes, parameters, errors and examples to its operation."""
    said, name = documented(handler), handler.handler_name.split(".")[-1]
    operation |= _prose(handler)
    parameters = operation.setdefault("parameters", [])
    for parameter in parameters:
        if parameter["name"] in said.values:
            parameter["schema"] = {"type": "string", "enum": list(said.values[parameter["name"]])}
    parameters += [
        {
            "name": parameter,
            "in": "query",
            "required": parameter in said.required,
            "description": text,
            "schema": dict(said.schemas.get(parameter, {"type": "string"})),
        }
        for parameter, text in said.parameters.items()
    ]
    if said.is_idempotent:
        parameters.append(_IDEMPOTENCY_KEY)
    if said.body:
        content = _content(said.body, REQUESTS[name])
        operation["requestBody"] = {"required": _is_required(said.body), "content": content}
    if said.adyen:
        operation["externalDocs"] = _adyens(said.adyen, path)
    operation["responses"] = _responses(handler, operation)


def _prose(handler: HTTPRouteHandler) -> dict[str, str]:
    """The summary and the description of a route: its docstring, without the errors it raises."""
    summary, _, more = (
        (inspect.getdoc(handler.fn) or "").partition("\n\nRaises:")[0].partition("\n\n")
    )
    return {"summary": " ".join(summary.split()), "description": " ".join(more.split())}


def _responses(handler: HTTPRouteHandler, operation: dict[str, Any]) -> dict[str, Any]:
    """The answer of a route, and the errors that it may have."""
    said, name = documented(handler), handler.handler_name.split(".")[-1]
    status = str(said.status or handler.status_code)
    shape = _answer_type(handler)
    answer: dict[str, Any] = {"description": "What was asked for."}
    if shape is str:
        text = {"schema": {"type": "string"}, "example": ANSWERS[name]}
        answer["content"] = {said.media_type: text}
    elif shape is not None:
        answer["content"] = _content(shape, ANSWERS[name])
    errors = sorted(_error_statuses(handler, operation))
    responses: dict[str, Any] = {
        str(each): {"$ref": f"#/components/responses/{each}"} for each in errors
    }
    if said.unavailable:
        content = _content(said.unavailable, {"status": "migrations are pending"})
        responses |= {"503": {"description": "Not ready.", "content": content}}
    return {status: answer} | responses | {"default": {"$ref": "#/components/responses/default"}}


def _error_statuses(handler: HTTPRouteHandler, operation: dict[str, Any]) -> Iterator[int]:
    """The statuses of the errors that a route may answer with."""
    said = documented(handler)
    if not operation.get("security"):
        return
    yield from (401, 422, 503)
    in_path = any(parameter["in"] == "path" for parameter in operation["parameters"])
    if in_path:
        yield 404
    if said.body:
        yield from (400, 413)
    if said.is_idempotent:
        yield 409
    fields = msgspec.structs.fields(said.body) if said.body else ()
    if "merchantAccount" in {*said.parameters, *(one.encode_name for one in fields)}:
        yield 403


def _answer_type(handler: HTTPRouteHandler) -> Any:
    """The shape of a route's answer; None for no body."""
    own = handler.parsed_fn_signature.return_type.annotation
    return own if _is_shape(own) else documented(handler).answer


def _is_shape(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _is_required(body: type) -> bool:
    """Whether a body must be given: whether one of its fields must be."""
    return any(one.required for one in msgspec.structs.fields(body))


def _content(shape: type, example: object) -> dict[str, Any]:
    schema = {"$ref": _REFERENCE.format(name=shape.__name__)}
    return {"application/json": {"schema": schema, "example": example}}


def _error(status: int) -> dict[str, Any]:
    described = {
        "description": _MEANINGS[status],
        "content": _content(AdyenError, ERRORS[status]),
    }
    if status in _TRANSIENT:
        text = "`true`: repeat the request with the same key."
        described["headers"] = {
            "transient-error": {"description": text, "schema": {"type": "string"}}
        }
    return described


def _adyens(service: str, path: str) -> dict[str, str]:
    """The address of Adyen's schema of a call, for the version in the path."""
    is_classic = path.startswith("/pal")
    version = str(RECURRING_VERSION) if is_classic else path.split("/")[1].removeprefix("v")
    called = path.rpartition("/")[2] if is_classic else path.partition("/v" + version)[2]
    return {
        "url": f"{_ADYEN_FILES}/{service}-v{version}.json",
        "description": f"Adyen's {service}, version {version}: `/{called.lstrip('/')}`, all fields",
    }


def _event_data() -> dict[str, Any]:
    shapes = (PaymentOut, TokenOut, SubscriptionOut)
    return {
        "description": "A payment, a saved wallet or a subscription, by the type's first part.",
        "anyOf": [{"$ref": _REFERENCE.format(name=shape.__name__)} for shape in shapes],
    }


def _webhook() -> dict[str, Any]:
    """The webhook of an event, which Kasir sends to the shop."""
    fields = {
        "type": {"type": "string"},
        "timestamp": {"type": "string", "format": "date-time"},
        "data": _event_data(),
    }
    schema = {"type": "object", "properties": fields, "required": list(fields)}
    return {
        "operationId": "event",
        "summary": "An event for the shop, signed as in Standard Webhooks.",
        "parameters": [
            {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
            for name in _SIGNED_HEADERS
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "example": EVENT}},
        },
        "responses": {"2XX": {"description": "The shop has accepted the event."}},
    }
