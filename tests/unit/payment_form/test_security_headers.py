"""The content security policy of the form's pages."""

from __future__ import annotations

import re

from kasir.payment_form.security_headers import content_policy


def test_the_content_policy_allows_only_kasirs_files_and_the_wallets_logo() -> None:
    policy = content_policy("https://checkoutshopper-test.adyen.com")
    rules = {name: sources for name, *sources in map(str.split, policy.split("; "))}

    assert rules["default-src"] == ["'none'"]
    assert rules["script-src"] == rules["style-src"] == ["'self'"]
    assert rules["img-src"] == ["'self'", "https://checkoutshopper-test.adyen.com"]
    assert rules["frame-ancestors"] == ["'none'"]
    assert not re.search(r"unsafe|\*|data:", policy)


def test_the_content_policy_allows_a_logo_only_from_its_own_origin() -> None:
    policy = content_policy("https://checkoutshopper-test.adyen.com", "https://cdn.shop.example")
    rules = {name: sources for name, *sources in map(str.split, policy.split("; "))}

    assert rules["img-src"][2:] == ["https://cdn.shop.example"]
    assert [name for name in rules if "https://cdn.shop.example" in rules[name]] == ["img-src"]
