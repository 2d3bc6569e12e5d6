"""All of Kasir's errors, in one tree.

The type of an error shows who must act. A refusal by the wallet is a status, not an error.

    KasirError
    ├── SettingError          the operator: a setting is missing or malformed
    ├── InvalidRequest        the shop: one or more fields are wrong, nothing was sent
    ├── KeyReused             the shop: the idempotency key was used before with another body
    ├── StillRunning          the shop: the first call with this key has no answer yet
    ├── NotClaimedYet         the shop: a needed notification has not arrived yet; retry
    ├── NotFound              the shop: no such payment or link
    ├── OutcomeUnknown        the shop: Adyen has not answered; retry with the same key, or wait
    ├── RefusedByAdyen        the shop, or the operator: Adyen refused the request
    ├── NotOpen               the shop: a SyncKasir is closed, or belongs to another process
    ├── CutOff                the shop: Kasir was stopped before it had the answer; retry
    ├── DatabaseUnavailable   the operator: PostgreSQL does not answer
    │   └── DatabaseReadOnly  the operator: PostgreSQL accepts no writes
    ├── AccountUnavailable    the operator: an account of the database cannot be used
    ├── NotAuthentic          the sender: a notification without a valid signature
    └── Unreadable            the sender: a message in the wrong format
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Self

#: The most faults that one answer names, and the most characters it repeats of a caller's text.
_FAULTS_NAMED_MAX: Final = 10
_TEXT_MAX: Final = 80


def cut(text: str) -> str:
    """The text, cut to 80 characters, so that an error message can repeat it."""
    return text if len(text) <= _TEXT_MAX else f"{text[:_TEXT_MAX]}…"


class KasirError(Exception):
    """Any error that Kasir raises on purpose."""


class SettingError(KasirError):
    """A setting is missing or malformed; the message names it and the cure."""

    def __init__(self, name: str, cure: str) -> None:
        super().__init__(f"{name}: {cure}")
        self.name = name

    @classmethod
    def several(cls, faults: Sequence[tuple[str, str]]) -> Self:
        """One error about several settings, from pairs of a name and a cure.

        The attribute `name` is the first setting's.
        """
        (name, cure), *more = faults
        return cls(
            name, ". ".join([cure, *(f"{other}: {other_cure}" for other, other_cure in more)])
        )


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a request: the field, and how to correct it.

    `code` and `status` are those of Adyen's error for this fault. Some of them are guesses, which
    docs/adyen.md lists.
    """

    field: str
    cure: str
    code: str = "187"
    status: int = 422
    error_type: str = "validation"

    def __str__(self) -> str:
        return f"Field '{cut(self.field)}' is not valid: {self.cure}"


class InvalidRequest(KasirError):
    """The shop's request breaks one or more rules. Nothing was sent and nothing was stored.

    The first ten faults are named; `more` counts the others.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        rest = iter(faults)
        self.faults = tuple(islice(rest, _FAULTS_NAMED_MAX))
        self.more = sum(1 for _ in rest)
        named = " ".join(str(fault) for fault in self.faults)
        super().__init__(f"{named} And {self.more} more." if self.more else named)


class KeyReused(KasirError):
    """The idempotency key was used before with another body. Nothing was sent."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Idempotency-Key {cut(key)!r} was first used with another request body")
        self.key = key


class StillRunning(KasirError):
    """The first call with this idempotency key has not been answered yet."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the first request with Idempotency-Key {cut(key)!r} is still running")
        self.key = key


class NotClaimedYet(KasirError):
    """Adyen named an attempt, but the notification that links it to a payment was not read yet."""

    def __init__(self, psp_reference: str) -> None:
        super().__init__(
            f"{psp_reference} was named by Adyen, and the notification that says whose it is has "
            "not been read yet"
        )
        self.psp_reference = psp_reference


class NotFound(KasirError):
    """Kasir has no object of this name. `what` is the kind of object, `name` the requested name."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"no {what} {cut(name)!r}")
        self.what, self.name = what, name


class OutcomeUnknown(KasirError):
    """The request may have been executed or not: Adyen, or the database after it, has not answered.

    Kasir repeats a payment by itself. Retry with the same key, never with a new one, or wait for
    the notification.

    Attributes:
        payment_id: Kasir's id of the payment; None where the call is not about one payment.
        subscription_id: Kasir's id of the subscription, if the call made one.
    """

    def __init__(
        self,
        payment_id: str | None = None,
        *,
        subscription_id: str | None = None,
        why: str = "Adyen has not answered",
    ) -> None:
        name = payment_id or subscription_id
        named = f" of {name}" if name else ""
        super().__init__(f"{why}; the outcome{named} is not known yet")
        self.payment_id, self.subscription_id = payment_id, subscription_id


class RefusedByAdyen(KasirError):
    """Adyen refused the request. Nothing was executed.

    Attributes:
        status: The HTTP status.
        code: Adyen's `errorCode`.
        message: Adyen's message.
        psp_reference: Adyen's name for the request; may be empty.
        payment_id: Kasir's id of the payment; None where the call is not about one payment.
    """

    def __init__(
        self, *, status: int, code: str, message: str, psp_reference: str, payment_id: str | None
    ) -> None:
        super().__init__(f"Adyen refused the request with {status} {code}: {message}")
        self.status, self.code, self.message = status, code, message
        self.psp_reference, self.payment_id = psp_reference, payment_id


class NotOpen(KasirError):
    """A `SyncKasir` is closed or was opened before a fork, or a mounted app does not run."""


class CutOff(KasirError):
    """Kasir was stopped before it had the answer. Work that is stored continues later."""

    def __init__(self) -> None:
        super().__init__("Kasir is being stopped, and could not wait for the answer")


class DatabaseUnavailable(KasirError):
    """PostgreSQL cannot be reached or used."""


class DatabaseReadOnly(DatabaseUnavailable):
    """PostgreSQL answers but accepts no writes: a replaced primary, or a standby."""


class AccountUnavailable(KasirError):
    """The settings or the tables of an account of the database cannot be used."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the account {name!r} cannot be used")
        self.name = name


class NotAuthentic(KasirError):
    """A notification whose signature is missing or wrong. It was not stored."""


class Unreadable(KasirError):
    """A message that is not JSON, or not in the format that its address accepts."""
