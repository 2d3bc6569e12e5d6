"""The texts of the desk in English and Indonesian, and the choice between them.

Each `texts_NAME` module has the texts of some pages, as pairs of English and Indonesian. A key is
in one module only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from kasir.desk import (
    texts_base,
    texts_common,
    texts_deliveries,
    texts_doctor,
    texts_payments,
    texts_people,
    texts_reconciliation,
    texts_settings,
    texts_shoppers,
    texts_subscriptions,
    texts_today,
)

Texts = Mapping[str, str]

#: The modules whose texts make up the catalogue.
MODULES: Final = (
    texts_base,
    texts_payments,
    texts_people,
    texts_reconciliation,
    texts_common,
    texts_deliveries,
    texts_doctor,
    texts_shoppers,
    texts_subscriptions,
    texts_settings,
    texts_today,
)
ENGLISH: Final = "en"
INDONESIAN: Final = "id"


def _catalogue(number: int) -> Texts:
    return {key: pair[number] for module in MODULES for key, pair in module.TEXTS.items()}


#: The texts of each language, by its code.
LANGUAGES: Final[Mapping[str, Texts]] = {ENGLISH: _catalogue(0), INDONESIAN: _catalogue(1)}


def language_of(chosen: str, accepted: str) -> str:
    """Return the language of a page.

    Args:
        chosen: The code that the person chose; empty or unknown if none.
        accepted: The browser's `Accept-Language`.
    """
    if chosen in LANGUAGES:
        return chosen
    return next((code for code in _codes(accepted) if code in LANGUAGES), ENGLISH)


def _codes(accepted: str) -> Iterator[str]:
    """Yield the codes of languages in the browser's order; `in` is an old code of Indonesian."""
    for entry in accepted.lower().split(","):
        code = entry.partition(";")[0].strip().partition("-")[0]
        yield INDONESIAN if code == "in" else code
