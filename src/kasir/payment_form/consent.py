"""The text that a form shows about saving a wallet, and whether the shopper agreed to it.

The stored text must be exactly the text that was shown. So the form posts a digest of its text. The
digest of another text does not count as consent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

from kasir.payment_form.pages import Visit
from kasir.payment_form.texts import LANGUAGES
from kasir.requests.payment_links import SUBSCRIPTION, OpenLink, Saving

_DIGEST_LENGTH: Final = 16
#: How many digits a number of days may have.
_DIGITS_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class Consent:
    """The text about saving that a form shows.

    Attributes:
        text: The text.
        language: The code of its language.
        is_asked: Whether a checkbox asks the shopper; if not, the text only informs.
    """

    text: str
    language: str
    is_asked: bool

    @property
    def digest(self) -> str:
        """A digest that identifies the text and its language."""
        return f"{self.language}-{sha256(self.text.encode()).hexdigest()[:_DIGEST_LENGTH]}"

    @property
    def stored(self) -> str:
        """The language and the text, as stored with the payment."""
        return f"{self.language}: {self.text}"


def consent_of(visit: Visit, open_link: OpenLink) -> Consent | None:
    """Return the text about saving for a page; None if the link saves nothing."""
    if open_link.saving is Saving.DISABLED:
        return None
    is_asked = open_link.saving is Saving.ASKED
    text = " ".join(_sentences(visit, open_link, is_asked=is_asked))
    return Consent(text=text, language=visit.language, is_asked=is_asked)


def agreed(visit: Visit, open_link: OpenLink, digest: str) -> tuple[bool, str]:
    """Return whether to save the wallet, and the consent to store; it is empty without consent.

    Args:
        visit: The shopper's request.
        open_link: The link that is paid.
        digest: The digest that the form posted; empty if the shopper did not agree.
    """
    # The shopper may have read the page in any language.
    visits = (replace(visit, language=language) for language in LANGUAGES)
    consents = [consent for each in visits if (consent := consent_of(each, open_link))]
    stored = next((consent.stored for consent in consents if consent.digest == digest), "")
    return open_link.saving is Saving.ENABLED or bool(stored), stored


def _sentences(visit: Visit, open_link: OpenLink, *, is_asked: bool) -> Iterator[str]:
    """Yield the sentences of the text about saving."""
    kind = "ask" if is_asked else "inform"
    if open_link.model != SUBSCRIPTION:
        yield visit.text(f"{kind}_card_on_file")
        return
    yield visit.text(f"{kind}_subscription")
    plan = list(_plan(visit, open_link))
    yield from plan or [visit.text("plan_unknown")]


def _plan(visit: Visit, open_link: OpenLink) -> Iterator[str]:
    """Yield sentences about the plan of a subscription, as far as the link's request has it."""
    request = open_link.link.request
    if description := str(request.get("description") or "").strip():
        yield visit.text("plan_what", description=description.rstrip("."))
    if days := _days(request.get("recurringFrequency")):
        yield visit.text("plan_often_one" if days == 1 else "plan_often", days=str(days))


def _days(value: Any) -> int:
    """Return Adyen's `recurringFrequency`, the minimum of days between charges; 0 if missing."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    is_number = text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX
    return int(text) if is_number else 0
