"""What every call of the Management API shares: the keys, the roles, the errors, the pages.

Source: Adyen's OpenAPI file of Management; the errors have the format of RFC 7807. GUESS: the
errorCodes, and that a field which the schema does not name is refused.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from adyen_twin.core import names, roles
from adyen_twin.http_types import HttpRequest, NotJsonError, has_api_key, parse_json

#: The HTTP status of the answer to an invalid field.
INVALID: Final = 422
FORBIDDEN: Final = 403
ERROR_CODES: Final = {INVALID: "30_031", FORBIDDEN: "010"}
PAGE_SIZE: Final = 10
PAGE_SIZE_MAX: Final = 100


class ManagementError(Exception):
    """An error answer, in the format of RFC 7807."""

    def __init__(self, status: int, title: str, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.body: dict[str, Any] = {
            "type": "https://docs.adyen.com/errors/general",
            "title": title,
            "status": status,
            "detail": detail,
            "requestId": names.psp_reference(),
            "errorCode": ERROR_CODES.get(status, f"00_{status}"),
        }
        if field is not None:
            self.body["invalidFields"] = [{"name": field, "value": "", "message": detail}]


def company(request: HttpRequest) -> str:
    """Return the id of the company account."""
    return f"{request.twin.settings.merchant_account}Company"


def authenticate(request: HttpRequest, *any_of: str) -> None:
    """Check the API key, one of these roles, and the account in the path.

    Raises:
        ManagementError: The key, the role or the access to the account is missing.

    """
    if not has_api_key(request):
        raise ManagementError(401, "Unauthorized", "The X-API-Key is missing or wrong")
    held = request.twin.knobs.roles
    if not any(role in held for role in any_of):
        needed = " or ".join(any_of)
        raise ManagementError(FORBIDDEN, "Forbidden", f"The credential needs the role {needed}")
    settings = request.twin.settings
    accounts = (settings.merchant_account, *settings.more_merchant_accounts)
    if request.path_params.get("merchantId", settings.merchant_account) not in accounts:
        raise ManagementError(
            FORBIDDEN, "Forbidden", "This key has no access to that merchant account"
        )


def authenticate_any(request: HttpRequest) -> None:
    """Check the API key and that it has any role of the Management API."""
    authenticate(request, *roles.MANAGEMENT)


def parse(raw: bytes, kind: type[Any]) -> Any:
    """Return the body of a call, converted to a type.

    Raises:
        ManagementError: The body is not JSON, or not of that type.

    """
    try:
        return parse_json(raw, kind)
    except msgspec.ValidationError as error:
        raise ManagementError(INVALID, "Invalid", str(error)) from None
    except NotJsonError as error:
        raise ManagementError(400, "Bad request", f"The body is not JSON: {error}") from None


def page(request: HttpRequest, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the page of a list that `pageNumber` and `pageSize` select, with its links."""
    number, size = _number(request, "pageNumber", 1), _number(request, "pageSize", PAGE_SIZE)
    if size > PAGE_SIZE_MAX:
        raise ManagementError(INVALID, "Invalid", f"At most {PAGE_SIZE_MAX}", "pageSize")
    pages = max(1, -(-len(rows) // size))
    numbers = {"self": number, "first": 1, "last": pages}
    if number < pages:
        numbers["next"] = number + 1
    if number > 1:
        numbers["prev"] = number - 1
    address = f"{request.public_url}{request.url.path}"
    return {
        "_links": {
            name: {"href": f"{address}?pageNumber={linked}&pageSize={size}"}
            for name, linked in numbers.items()
        },
        "itemsTotal": len(rows),
        "pagesTotal": pages,
        "data": rows[(number - 1) * size : number * size],
    }


def _number(request: HttpRequest, name: str, default: int) -> int:
    text = request.query_value(name)
    if text is None:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise ManagementError(INVALID, "Invalid", "A number of 1 or more", name)
    return int(text)
