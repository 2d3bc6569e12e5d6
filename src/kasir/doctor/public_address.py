"""Checks the public address as far as this machine can: it is not Adyen, and not a shopper.

A notification that came lately proves more than a request from here: Adyen reached the address.
"""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Final

import aiohttp

from kasir.gateway.account_checks import Finding
from kasir.setup.looking import LATELY

_WHAT: Final = "the public address is reached"
_CURE: Final = "shoppers and Adyen must reach it: check KASIR_PUBLIC_URL, DNS and the proxy"
_TIMEOUT: Final = aiohttp.ClientTimeout(total=5.0)
_BYTES_MAX: Final = 1000
#: The answer of `/health/live`.
_ALIVE: Final = b'{"status":"ok"}'


async def check_public_address(url: str, received_at: datetime | None, now: datetime) -> Finding:
    """Ask Kasir's server at its public address whether it runs.

    Args:
        url: KASIR_PUBLIC_URL.
        received_at: When the last standard notification came from Adyen.
        now: The time.
    """
    fault = await _fault(url)
    if received_at and received_at >= now - LATELY:
        proof = f"Adyen reached it on {received_at.isoformat(timespec='seconds')}"
        says = f"not from this machine ({fault}), but {proof}" if fault else f"from here; {proof}"
        return Finding(_WHAT, is_well=True, says=says)
    if fault:
        return Finding(_WHAT, is_well=False, says=f"{url}: {fault}; {_CURE}")
    says = "from here; whether Adyen reaches it, its first notification will show"
    return Finding(_WHAT, is_well=True, says=says)


async def _fault(url: str) -> str:
    """Why Kasir's server is not reached at an address; empty if it is."""
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.get(f"{url}/health/live", allow_redirects=False) as answer,
        ):
            body = await answer.content.read(_BYTES_MAX)
    except aiohttp.ClientConnectorCertificateError:
        return "its certificate is not trusted"
    except aiohttp.ClientConnectorDNSError:
        return "its name is not found in DNS"
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        return f"no answer ({type(error).__name__})"
    if answer.status != HTTPStatus.OK:
        return f"HTTP {answer.status} instead of Kasir's answer"
    return "" if b"".join(body.split()) == _ALIVE else "something other than Kasir answers"
