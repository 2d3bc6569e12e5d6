"""Everything that can go wrong in Kasir, in one tree.

An error says who must act. A refusal by the wallet is not here: it is a status.

    KasirError
    ├── SettingError          the operator: a setting is missing or malformed
    ├── InvalidRequest        the shop: one or more fields are wrong, nothing was sent
    ├── KeyReused             the shop: the same idempotency key came with another body
    ├── StillRunning          the shop: the first call with this key has no answer yet
    ├── NotFound              the shop: no such payment or link
    ├── CutOff                the shop: Kasir was stopped before it had the answer; ask again
    ├── DatabaseUnavailable   the operator: PostgreSQL does not answer
    │   └── DatabaseReadOnly  ... or takes no writes, as a primary that was replaced
    ├── NotAuthentic          the sender: a notification without a valid seal
    └── Unreadable            the sender: a message that is not what its address takes
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Self

#: How many faults one answer tells, and how much of a name that anybody may have chosen.
FAULTS_TOLD_MAX: Final = 10
_LETTERS_TOLD_MAX: Final = 80


def cut(text: str) -> str:
    """As much of a text as an error repeats of it."""
    return text if len(text) <= _LETTERS_TOLD_MAX else f"{text[:_LETTERS_TOLD_MAX]}…"


class KasirError(Exception):
    """Any error that Kasir raises on purpose."""


class SettingError(KasirError):
    """A setting is missing or malformed; the message names it and the cure."""

    def __init__(self, name: str, cure: str) -> None:
        super().__init__(f"{name}: {cure}")
        self.name = name

    @classmethod
    def several(cls, faults: Sequence[tuple[str, str]]) -> Self:
        """One error of several settings, each with its cure; it bears the name of the first."""
        (name, cure), *more = faults
        return cls(name, ". ".join([cure, *(f"{other}: {what}" for other, what in more)]))


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request: which field, and what would be right.

    `code` and `status` are Adyen's for this fault; where Adyen's are not known they are a guess
    listed in docs/adyen.md.
    """

    field: str
    cure: str
    code: str = "187"
    status: int = 422
    error_type: str = "validation"

    def __str__(self) -> str:
        return f"Field '{cut(self.field)}' is not valid: {self.cure}"


class InvalidRequest(KasirError):
    """The shop's request breaks one or more rules. Nothing was sent and nothing was kept.

    However many there are, the first ten are named; `more` counts the others.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        left = iter(faults)
        self.faults = tuple(islice(left, FAULTS_TOLD_MAX))
        self.more = sum(1 for _ in left)
        told = " ".join(str(fault) for fault in self.faults)
        super().__init__(f"{told} And {self.more} more." if self.more else told)


class KeyReused(KasirError):
    """An idempotency key came again with another body: nothing was sent."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Idempotency-Key {cut(key)!r} was first used with another request body")
        self.key = key


class StillRunning(KasirError):
    """The first call with this idempotency key has not been answered yet."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the first request with Idempotency-Key {cut(key)!r} is still running")
        self.key = key


class NotClaimedYet(KasirError):
    """Adyen named an attempt in an answer, and what says whose it is has not come yet."""

    def __init__(self, psp_reference: str) -> None:
        super().__init__(
            f"{psp_reference} was named by Adyen, and the notification that says whose it is has "
            "not been read yet"
        )
        self.psp_reference = psp_reference


class NotFound(KasirError):
    """No such thing here; `what` says which kind, `name` which one was asked for."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"no {what} {cut(name)!r}")
        self.what, self.name = what, name


class CutOff(KasirError):
    """Kasir was stopped before it had the answer: what was written down is gone on with later."""

    def __init__(self) -> None:
        super().__init__("Kasir is being stopped, and could not wait for the answer")


class DatabaseUnavailable(KasirError):
    """PostgreSQL cannot be reached or used."""


class DatabaseReadOnly(DatabaseUnavailable):
    """PostgreSQL answers and takes no writes: a primary that was replaced, or a standby."""


class NotAuthentic(KasirError):
    """A notification whose seal is missing or wrong: nothing of it was kept."""


class Unreadable(KasirError):
    """A message that is not JSON, or not of the shape its address takes."""
