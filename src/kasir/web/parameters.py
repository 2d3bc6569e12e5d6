"""What an address does not know is refused and never ignored: a misspelt wish is a wish.

Whatever is passed on to Adyen as it came is for Adyen to judge; these are for what Kasir reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from kasir.adyen.known_fields import shown_name
from kasir.adyen.texts import read_strict
from kasir.errors import Fault, InvalidRequest
from kasir.http_types import AnyRequest

#: For an address that takes no parameters.
NONE: Final = frozenset[str]()

_NO_BODY: Final = "this call reads no body; leave it out."


def refuse_unknown(request: AnyRequest, known: frozenset[str]) -> None:
    """Let only parameters pass that an address knows, each given once.

    Raises:
        InvalidRequest: There are others.
    """
    if not request.scope["query_string"]:
        return  # Nearly always, so that nothing is read then.
    given = Counter(name for name, _ in request.query_params.multi_items())
    faults = [*_parameter_faults(given, known)]
    if faults:
        raise InvalidRequest(faults)


async def refuse_all_but(request: AnyRequest, known: frozenset[str]) -> None:
    """Let only these parameters pass, and no body: for an address that reads none.

    Raises:
        InvalidRequest: There are others, or a body that says something.
    """
    refuse_unknown(request, known)
    body = await request.body()
    if not body.strip():
        return
    faults = [*_body_faults(body)]
    if faults:
        raise InvalidRequest(faults)


def _parameter_faults(given: Counter[str], known: frozenset[str]) -> Iterator[Fault]:
    there_are = f"there are {', '.join(sorted(known))}" if known else "there are none"
    for name, times in given.items():
        if name not in known:
            yield Fault(shown_name(name), f"is no parameter of this call; {there_are}.")
        elif times > 1:
            yield Fault(name, "is given more than once; give it once.")


def _body_faults(body: bytes) -> Iterator[Fault]:
    """What a body says. Some clients send an empty object where they have nothing to say."""
    try:
        said = read_strict(body)
    except (ValueError, RecursionError):
        yield Fault("body", _NO_BODY)
        return
    if isinstance(said, dict):
        for name in said:
            yield Fault(shown_name(name), _NO_BODY)
    elif said is not None:
        yield Fault("body", _NO_BODY)
