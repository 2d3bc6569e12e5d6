"""How Adyen's reports are fetched and read: the settings that begin with KASIR_REPORT_."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from kasir.errors import SettingError


class RupiahDecimals(StrEnum):
    """How Adyen's reports print rupiah, which is not known for certain."""

    #: Each file is compared with the payments in Kasir.
    DETECT = "detect"
    #: 25,000 rupiah are `25000`, or `25000.00`.
    NONE = "0"
    #: 25,000 rupiah are `250.00`.
    TWO = "2"


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """How reports are fetched and read. The repr has no password.

    Attributes:
        user: The report user; None if no report is fetched.
        password: Its password.
        rupiah: How reports print rupiah.
    """

    user: str | None = None
    password: str = field(default="", repr=False)
    rupiah: RupiahDecimals = RupiahDecimals.DETECT


def report_settings_from(env: Mapping[str, str]) -> ReportSettings:
    """Read the settings of reports from the environment.

    Raises:
        SettingError: One is malformed.
    """
    rupiah = env.get("KASIR_REPORT_IDR_DECIMALS") or RupiahDecimals.DETECT
    if rupiah not in {*RupiahDecimals}:
        raise SettingError("KASIR_REPORT_IDR_DECIMALS", f"{rupiah!r} is not detect, 0 or 2")
    user, password = env.get("KASIR_REPORT_USER") or None, env.get("KASIR_REPORT_PASSWORD", "")
    if user and ":" in user:
        raise SettingError("KASIR_REPORT_USER", "has a colon; give the user name alone")
    return ReportSettings(user, password, RupiahDecimals(rupiah))
