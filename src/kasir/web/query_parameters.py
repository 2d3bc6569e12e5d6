"""The parameters that several lists have; refuses unknown ones and unexpected bodies as mistakes.

This checks only what Kasir itself reads. Adyen checks what is forwarded to it unchanged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Final

from litestar.params import QueryParameter

from kasir.adyen.checks import INT64_MAX
from kasir.adyen.known_fields import shown_name
from kasir.adyen.texts import read_strict
from kasir.errors import Fault, InvalidRequest
from kasir.http_types import AnyRequest

#: Where a list begins, if its cursor is a text; and if it is a number.
After = Annotated[
    str, QueryParameter(name="after", max_length=80, description="The `next` of an answer.")
]
AfterNumber = Annotated[
    int | None,
    QueryParameter(name="after", ge=0, le=INT64_MAX, description="The `next` of an answer."),
]

#: For a route that takes no parameters.
NO_PARAMETERS: Final = frozenset[str]()

_NO_BODY: Final = "this call reads no body; leave it out."


def check_parameters(request: AnyRequest, known: frozenset[str]) -> None:
    """Check that the query has only known parameters, each at most once.

    Raises:
        InvalidRequest: A parameter is unknown or repeated.
    """
    if not request.scope["query_string"]:
        return  # Most requests have no query.
    given = Counter(name for name, _ in request.query_params.multi_items())
    faults = [*_parameter_faults(given, known)]
    if faults:
        raise InvalidRequest(faults)


async def check_parameters_and_no_body(request: AnyRequest, known: frozenset[str]) -> None:
    """Check that the query has only known parameters, and that there is no body.

    Raises:
        InvalidRequest: A parameter is unknown or repeated, or the body holds a value.
    """
    check_parameters(request, known)
    body = await request.body()
    if not body.strip():
        return
    faults = [*_body_faults(body)]
    if faults:
        raise InvalidRequest(faults)


def _parameter_faults(given: Counter[str], known: frozenset[str]) -> Iterator[Fault]:
    there_are = f"there are {', '.join(sorted(known))}" if known else "there are none"
    for name, count in given.items():
        if name not in known:
            yield Fault(shown_name(name), f"is no parameter of this call; {there_are}.")
        elif count > 1:
            yield Fault(name, "is given more than once; give it once.")


def _body_faults(body: bytes) -> Iterator[Fault]:
    """Yield a fault for each field of a body; none for `{}` or null, which some clients send."""
    try:
        value = read_strict(body)
    except (ValueError, RecursionError):
        yield Fault("body", _NO_BODY)
        return
    if isinstance(value, dict):
        for name in value:
            yield Fault(shown_name(name), _NO_BODY)
    elif value is not None:
        yield Fault("body", _NO_BODY)
