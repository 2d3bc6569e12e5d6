"""The pages match the project: links resolve, settings and statuses are documented."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from posixpath import normpath

from kasir.payments.refunds import RefundStatus
from kasir.payments.status import Status
from kasir.store.inbox import NoticeState

#: The modules that read settings.
CONFIG = [
    PurePosixPath(f"src/kasir/{name}.py")
    for name in (
        *("config", "desk_settings", "report_settings", "retention_settings"),
        "shop_identity",
    )
]
API_PAGE = PurePosixPath("docs/api.md")
STATUS_PAGE = PurePosixPath("docs/payment-status.md")
SETTINGS_PAGE = PurePosixPath("docs/settings.md")
DECISIONS = PurePosixPath("docs/adr")

#: A fenced example, the target of a Markdown or HTML link, a cited file, and a setting's name.
FENCED = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r'\]\(([^)\s]+)(?: "[^"]*")?\)|(?:src|href)="([^"]+)"')
CITED = re.compile(r"\b(?:bench|docs|scripts|src|tests)/[\w/.-]+\.(?:md|py|sh|sql)\b")
SETTING = re.compile(r"\b(?:ADYEN|KASIR)_[A-Z][A-Z_]*[A-Z]\b")
DECISION_PARTS = ["Context", "Decision", "Consequences", "Alternatives", "What enforces it"]


def test_every_page_has_exactly_one_title(pages: Mapping[PurePosixPath, str]) -> None:
    titles = {
        str(path): re.findall(r"^# .+$", _prose(page), re.MULTILINE) for path, page in pages.items()
    }

    assert {path: of_page for path, of_page in titles.items() if len(of_page) != 1} == {}


def test_the_target_of_every_relative_link_exists(
    files: frozenset[PurePosixPath], pages: Mapping[PurePosixPath, str]
) -> None:
    existing = {str(file_or_folder) for path in files for file_or_folder in (path, *path.parents)}
    broken = [
        f"{path}: {target}"
        for path, page in pages.items()
        for target in _links(page)
        if not _exists(path, target, existing, pages)
    ]

    assert broken == []


def test_every_file_that_is_cited_exists(texts: Mapping[PurePosixPath, str]) -> None:
    missing = [
        f"{path}: {cited}"
        for path, text in texts.items()
        for cited in CITED.findall(text)
        if PurePosixPath(cited) not in texts
    ]

    assert missing == [], "\n".join(missing)


def test_every_status_of_a_payment_has_a_row_on_its_page(
    pages: Mapping[PurePosixPath, str],
) -> None:
    assert set(Status) - _first_cells(pages[STATUS_PAGE]) == set()


def test_every_state_of_a_notice_and_of_a_refund_is_on_the_page_about_the_api(
    pages: Mapping[PurePosixPath, str],
) -> None:
    refunds = re.search(
        r"^A refund's `status` is .*?\n\n", pages[API_PAGE], re.MULTILINE | re.DOTALL
    )

    assert set(NoticeState) - _first_cells(pages[API_PAGE]) == set()
    assert refunds
    assert set(RefundStatus) == set(re.findall(r"`(\w+)`", refunds[0])) - {"status"}


def test_every_setting_is_documented_and_every_documented_setting_exists(
    modules: Mapping[PurePosixPath, ast.Module], pages: Mapping[PurePosixPath, str]
) -> None:
    read = {
        node.value
        for path in CONFIG
        for node in ast.walk(modules[path])
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if SETTING.fullmatch(node.value)
    }
    documented = set(SETTING.findall(pages[SETTINGS_PAGE]))

    assert (read - documented, documented - read) == (set(), set())


def test_the_readme_shows_make_demo_and_make_test(pages: Mapping[PurePosixPath, str]) -> None:
    readme = pages[PurePosixPath("README.md")]

    assert {"make demo", "make test"} - set(re.findall(r"make [a-z]+", readme)) == set()


def test_every_make_target_that_a_page_names_exists(
    texts: Mapping[PurePosixPath, str], pages: Mapping[PurePosixPath, str]
) -> None:
    targets = set(re.findall(r"^([a-z]+):", texts[PurePosixPath("Makefile")], re.MULTILINE))
    named = {
        (str(path), target)
        for path, page in pages.items()
        for groups in re.findall(r"`make ([a-z]+)|^\s*make ([a-z]+)", page, re.MULTILINE)
        for target in groups
        if target
    }

    assert {(path, target) for path, target in named if target not in targets} == set()


def test_decisions_are_numbered_without_gaps(pages: Mapping[PurePosixPath, str]) -> None:
    numbers = [int(path.name[:4]) for path in sorted(pages) if path.parent == DECISIONS]

    assert numbers == list(range(1, len(numbers) + 1))


def test_every_decision_has_its_five_parts(pages: Mapping[PurePosixPath, str]) -> None:
    parts = {
        path.name: re.findall(r"^## (.+)$", page, re.MULTILINE)
        for path, page in pages.items()
        if path.parent == DECISIONS
    }

    wrong = {name: headings for name, headings in parts.items() if headings != DECISION_PARTS}
    assert wrong == {}


def _first_cells(page: str) -> set[str]:
    """The names in the first column of a page's tables."""
    return set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))


def _prose(page: str) -> str:
    """The page without its fenced examples, in which a `#` begins a comment and not a heading."""
    return FENCED.sub("", page)


def _links(page: str) -> Iterator[str]:
    """The targets of the page's relative links."""
    for markdown, html in LINK.findall(_prose(page)):
        target = markdown or html
        if not re.match(r"[a-z]+:", target):
            yield target


def _exists(
    page: PurePosixPath, target: str, existing: set[str], pages: Mapping[PurePosixPath, str]
) -> bool:
    """Whether a link's target exists, including its anchor if it is a Markdown file."""
    name, _, anchor = target.partition("#")
    path = PurePosixPath(normpath(page.parent / name)) if name else page
    if str(path) not in existing:
        return False
    return not anchor or path not in pages or anchor in set(_anchors(pages[path]))


def _anchors(page: str) -> Iterator[str]:
    """The anchors that GitHub makes from headings."""
    for heading in re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
