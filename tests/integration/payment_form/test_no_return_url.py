"""A link without a returnUrl ends on Kasir's own receipt, without a way back to the shop."""

from __future__ import annotations

import pytest

from integration.payment_form.test_shop_identity import approve, page_of
from served import served


@pytest.mark.parametrize("url", [None, ""])
async def test_a_link_without_a_return_url_ends_on_the_receipt(
    fresh_database: str, url: str | None
) -> None:
    async with served(fresh_database) as kasir:
        link = await kasir.link(returnUrl=url)
        form, _ = await page_of(kasir, link["url"])
        receipt, _ = await page_of(kasir, await approve(kasir, link))
        later, _ = await page_of(kasir, link["url"])

    assert "Pay Rp25.000 with GoPay" in form
    assert "Payment successful" in receipt
    assert "Payment successful" in later
    for page in (form, receipt, later):
        assert "Back to the shop" not in page
        assert "You will be back" not in page
        assert 'href=""' not in page
