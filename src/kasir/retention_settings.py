"""How long data is kept: the settings that begin with KASIR_KEEP_."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from kasir.errors import SettingError

#: A whole number of days, from 1 to 99999.
_DAYS: Final = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Retention:
    """How long data is kept after it is no longer needed; see docs/runbook.md.

    Attributes:
        jobs: How long a finished or failed job is kept after its end.
        notices: How long the content of a notice is kept after it was read.
        events: How long an event is kept after the shop accepted it.
    """

    jobs: timedelta = timedelta(days=14)
    notices: timedelta = timedelta(days=90)
    events: timedelta = timedelta(days=30)


def kept_from(env: Mapping[str, str]) -> Retention:
    """Read from the environment how long data is kept.

    Raises:
        SettingError: One is no number of days.
    """
    default = Retention()
    return Retention(
        jobs=_days(env, "KASIR_KEEP_JOBS_DAYS", default.jobs),
        notices=_days(env, "KASIR_KEEP_NOTICES_DAYS", default.notices),
        events=_days(env, "KASIR_KEEP_EVENTS_DAYS", default.events),
    )


def _days(env: Mapping[str, str], name: str, default: timedelta) -> timedelta:
    text = env.get(name)
    if not text:
        return default
    if not _DAYS.fullmatch(text):
        raise SettingError(name, f"{text!r} is not a whole number of days from 1 to 99999")
    return timedelta(days=int(text))
