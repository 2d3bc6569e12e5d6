"""Consent to saving a wallet counts only for the exact text that was shown."""

from __future__ import annotations

from typing import cast

from kasir.payment_form.consent import agreed, consent_of
from kasir.payment_form.pages import Visit
from kasir.payment_form.texts import LANGUAGES
from kasir.payments.links import LinkStatus
from kasir.requests.payment_links import OpenLink
from kasir.shop_identity import ShopIdentity
from kasir.wiring import Parts
from payment_form_fixtures import payment_link


def test_only_the_digest_of_a_shown_text_is_consent() -> None:
    open_link = OpenLink(
        payment_link(
            shopperReference="shopper-1",
            storePaymentMethodMode="askForConsent",
            recurringProcessingModel="Subscription",
            description="Kopi {shop} <b>.",
            recurringFrequency="30",
        ),
        LinkStatus.ACTIVE,
        (),
    )
    identity = ShopIdentity(name="Toko {method}")
    visits = [
        Visit(cast("Parts", None), language, "", "/pay/PL_1", identity) for language in LANGUAGES
    ]
    consents = [consent for visit in visits if (consent := consent_of(visit, open_link))]
    agreements = [agreed(visits[0], open_link, consent.digest) for consent in consents]

    assert agreements == [(True, consent.stored) for consent in consents]
    assert [consent.is_asked for consent in consents] == [True, True]
    # The second language is English.
    assert consents[1].text.startswith("Save my GoPay. Toko {method} may charge it again")
    assert consents[1].text.endswith("What for: Kopi {shop} <b>. At most once in 30 days.")
    assert agreed(visits[0], open_link, "") == (False, "")
    assert agreed(visits[0], open_link, consents[0].digest[:-1]) == (False, "")
