"""The address of a report in REPORT_AVAILABLE, and whether it may be fetched.

The notification has the file's name as `pspReference`, which its signature covers, and the address
as `reason`, which it does not cover. So the address must be Adyen's own and end with that name.
Source: Adyen's page "Download reports"; see docs/adyen.md.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit

#: The path of a report: plain characters, so that every library reads it in the same way.
_PATH: Final = re.compile(r"/reports/download(/[A-Za-z0-9._~%+-]+){2,4}", re.ASCII)


def address_fault(url: str, name: str, base: str) -> str:
    """Why a report is not fetched from an address; empty if it may be.

    Args:
        url: The address in the notification.
        name: The signed name of the file.
        base: Where Adyen's reports are, such as `https://ca-test.adyen.com`.
    """
    if not url.startswith(f"{base}/"):
        return f"its address is not at {base}"
    path = urlsplit(url).path
    if url != base + path or not _PATH.fullmatch(path) or ".." in unquote(path):
        return "its address is not that of a report"
    if unquote(path.rpartition("/")[2]) != name:
        return "its address ends with another name than the notification's pspReference"
    return ""
