"""What a shopper is told about the saving of their wallet, and what of it they agreed to.

The words are kept with the payment, so they must be the very words that were shown: the page sends
a mark of them along, and a mark of any other words is no consent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

from kasir.payment_form.pages import Visit
from kasir.payment_form.texts import LANGUAGES
from kasir.requests.payment_links import SUBSCRIPTION, OpenLink, Saving

_MARK_LETTERS: Final = 16
_DIGITS_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class Consent:
    """What a form says about saving.

    Attributes:
        text: The words.
        language: What they are in.
        is_asked: Whether the shopper is asked, with a box to tick; else they are told.
    """

    text: str
    language: str
    is_asked: bool

    @property
    def mark(self) -> str:
        """Names these words in this language."""
        return f"{self.language}-{sha256(self.text.encode()).hexdigest()[:_MARK_LETTERS]}"

    @property
    def kept(self) -> str:
        """What is kept of it with the payment."""
        return f"{self.language}: {self.text}"


def consent_of(visit: Visit, found: OpenLink) -> Consent | None:
    """What this page says about saving; None where nothing is saved."""
    if found.saving is Saving.DISABLED:
        return None
    is_asked = found.saving is Saving.ASKED
    text = " ".join(_sentences(visit, found, is_asked=is_asked))
    return Consent(text, visit.language, is_asked)


def agreed(visit: Visit, found: OpenLink, mark: str) -> tuple[bool, str]:
    """Whether the wallet is to be saved, and the words that this rests on.

    Args:
        visit: Whose it is.
        found: The link that is paid.
        mark: What the form sent along: the mark of the words it showed, if they were agreed to.
    """
    pages = (replace(visit, language=language) for language in LANGUAGES)
    shown = [consent for page in pages if (consent := consent_of(page, found))]
    kept = next((consent.kept for consent in shown if consent.mark == mark), "")
    return found.saving is Saving.ENABLED or bool(kept), kept


def _sentences(visit: Visit, found: OpenLink, *, is_asked: bool) -> Iterator[str]:
    verb = "ask" if is_asked else "tell"
    if found.model != SUBSCRIPTION:
        yield visit.says(f"{verb}_card_on_file", shop=visit.shop)
        return
    yield visit.says(f"{verb}_subscription", shop=visit.shop)
    told = list(_plan(visit, found))
    yield from told or [visit.says("plan_untold", shop=visit.shop)]


def _plan(visit: Visit, found: OpenLink) -> Iterator[str]:
    """What the link tells of the plan, and nothing that it does not."""
    request = found.link.request
    if description := str(request.get("description") or "").strip():
        yield visit.says("plan_what", description=description.rstrip("."))
    if days := _days(request.get("recurringFrequency")):
        yield visit.says("plan_often_one" if days == 1 else "plan_often", days=str(days))


def _days(told: Any) -> int:
    """Adyen's `recurringFrequency`: the fewest days between two charges; 0 where not told."""
    text = str(told) if isinstance(told, int | str) and not isinstance(told, bool) else ""
    is_number = text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX
    return int(text) if is_number else 0
