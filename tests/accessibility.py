"""Checks an open page with axe, in both colour schemes."""

from __future__ import annotations

from typing import Any, Literal

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

#: The options of axe for each colour scheme. A scheme changes only colours, so one scheme is enough
#: for the other rules.
RULES: dict[Literal["dark", "light"], dict[str, Any]] = {
    "dark": {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}},
    "light": {},
}


async def axe_faults(page: Page) -> list[str]:
    """The violations that axe finds in both colour schemes: each rule with its elements."""
    problems = []
    for scheme, rules in RULES.items():
        await page.emulate_media(color_scheme=scheme)
        violations = (await Axe().run(page, options=rules)).response["violations"]
        problems += [
            f"{violation['id']} ({scheme}): {[node['target'] for node in violation['nodes']]}"
            for violation in violations
        ]
    return problems
