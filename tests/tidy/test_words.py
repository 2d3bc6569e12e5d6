"""Words that do not belong in the tree: leftovers, machines, indexes, private vocabulary."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import Final

# Each pattern is spelled so that it does not find itself here.
LEFTOVERS = re.compile(r"\b(TO[D]O|FIX[M]E|X[X]X)\b")
MACHINES = re.compile(
    r"(?<![\w.:/}-])/(wor[k]|hom[e]|Use[r]s|roo[t]|op[t])/[\w.]"  # Somebody's folder.
    r"|\bpyp[i]\.(org|python)|\bpythonh[o]sted\b|\bnpmj[s]\.(com|org)"  # An index.
    r"|--(extra-)?inde[x]-url\b|\bpip\.con[f]\b"  # How somebody's pip is set up.
)
HASHED = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>\S+)(?P<marker> ;[^\\]+)? \\"
    r"|    --hash=sha256:[0-9a-f]{64}(?P<more> \\)?"
)


@dataclass(frozen=True)
class Private:
    """Words for which the field has a term: their forms, the term, and where they still stand.

    Attributes:
        forms: Every form, divided by blanks. Parts of identifiers count: `told_at`, `NewsPage`.
        say: What to write instead.
        allowed: Files that may hold them, as patterns below `src`; each must still be needed.
    """

    forms: str
    say: str
    allowed: tuple[str, ...] = ()


#: Fixed names that may contain any word: columns, states, names in JSON and in state files,
#: elements of pages, a published secret.
FIXED: Final = re.compile(
    r"\b(told_status(es)?|tell_ats?|unheard_of|UNHEARD_OF|heard_at|tokensTold"
    r"|tell_(authorisation|earlier_refusal|offer_closed|token|unknown_cancel)"
    r"|event: standing|data-standing|heard = (heard \+ 1|0|1)|floor\(extract"
    r"|event=.standing|addEventListener\(.standing|id=.standing|class=.(card standing|consent told)"
    r"|nothing-that-the-twin-tells-is-secret)\b"
)
#: In names, comments, docstrings, messages and SQL of `src`. A landed migration is never edited.
NOWHERE: Final = (
    Private("room rooms", "package, space"),
    Private("house houses", "codebase, software"),
    Private("floor floors", "layer"),
    Private("road roads", "flow"),
    Private("story stories", "flow, scenario"),
    Private(
        "hear hears heard hearing unheard",
        "receive, record",
        ("kasir/payment_form/texts.py",),  # The shopper's own language.
    ),
    Private("tell tells told telling tellings untold", "report, notify, send an event"),
    Private("wish wishes wished", "request, command"),
    Private("laid", "built"),
    Private("surplus needless needlessly", "overpaid"),
    Private("dealt", "handled, settled"),
    Private("standing standings", "summary, status"),
    Private("news", "events, facts, notifications"),
    Private("wake wakes woken waking woke", "schedule"),
    Private("desk desks", "use case, operator"),
    Private("examine examined examines examination diagnosis", "doctor"),
)
#: In names only: in prose they are ordinary English.
NOT_IN_NAMES: Final = (
    Private("far", "fake_adyen, remote"),
    Private("ground", "parts"),
    Private("place places placed unplaced", "folder, match"),
    Private("stands stood", "is, status"),
)
MIGRATIONS: Final = "*/migrations/*"


def test_nothing_is_left_for_later(texts: Mapping[PurePosixPath, str]) -> None:
    assert list(_found(LEFTOVERS, texts)) == []


def test_no_file_names_a_machine_or_a_package_index(texts: Mapping[PurePosixPath, str]) -> None:
    assert list(_found(MACHINES, texts)) == []


def test_every_pinned_package_is_pinned_by_hash_and_has_no_address(
    texts: Mapping[PurePosixPath, str],
) -> None:
    lock = texts[PurePosixPath("requirements.lock")]
    strange = [line for line in lock.splitlines() if not HASHED.fullmatch(line)]
    unhashed = re.findall(r"^(\S+==\S+).*\n(?!    --hash)", lock, flags=re.MULTILINE)

    assert (strange, unhashed) == ([], [])


def test_every_direct_dependency_is_pinned(texts: Mapping[PurePosixPath, str]) -> None:
    lock = texts[PurePosixPath("requirements.lock")]
    project = texts[PurePosixPath("pyproject.toml")]
    pinned = set(re.findall(r"^(\S+?)==", lock, flags=re.MULTILINE))
    asked = re.findall(r'^\s*(?:demo = \[)?"([A-Za-z0-9-]+)(?:\[\w+\])?>=', project, re.MULTILINE)

    assert asked != []
    assert {name.lower() for name in asked} - pinned == set()


def test_no_private_vocabulary_is_in_the_source(texts: Mapping[PurePosixPath, str]) -> None:
    found = {word: _uses(word, _prose(texts)) for word in NOWHERE}

    assert (_beyond(found), _unneeded(found)) == ([], [])


def test_no_name_in_the_source_is_of_a_private_vocabulary(
    modules: Mapping[PurePosixPath, ast.Module],
) -> None:
    names = {path: [" ".join({path.stem, *_names(module)})] for path, module in modules.items()}
    found = {word: _uses(word, names) for word in NOT_IN_NAMES}

    assert (_beyond(found), _unneeded(found)) == ([], [])


def _prose(texts: Mapping[PurePosixPath, str]) -> Mapping[PurePosixPath, list[str]]:
    """The lines of the source, its own name first, without what is fixed."""
    return {
        path: FIXED.sub("", f"{path.stem}\n{text}").splitlines()
        for path, text in texts.items()
        if path.parts[0] == "src" and path.suffix in {".py", ".sql", ".html", ".js"}
        if not path.match(MIGRATIONS)
    }


def _uses(
    word: Private, lines: Mapping[PurePosixPath, list[str]]
) -> Mapping[PurePosixPath, list[str]]:
    """Where a word is used, by file; each as the line's number and the form."""
    forms = frozenset(word.forms.split())
    found = {
        path: [
            f"{path}:{number} {part}"
            for number, line in enumerate(of_path)
            for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", line)
            if part.lower() in forms
        ]
        for path, of_path in lines.items()
    }
    return {path: uses for path, uses in found.items() if uses}


def _beyond(found: Mapping[Private, Mapping[PurePosixPath, list[str]]]) -> list[str]:
    """What is used where it is not allowed, and what to say instead."""
    return [
        f"{use}: say {word.say}"
        for word, by_path in found.items()
        for path, uses in by_path.items()
        if not any(_is_at(path, pattern) for pattern in word.allowed)
        for use in uses
    ]


def _unneeded(found: Mapping[Private, Mapping[PurePosixPath, list[str]]]) -> list[str]:
    """Exceptions that nothing needs any more."""
    return [
        f"{word.forms.split()[0]}: {pattern}"
        for word, by_path in found.items()
        for pattern in word.allowed
        if not any(_is_at(path, pattern) for path in by_path)
    ]


def _is_at(path: PurePosixPath, pattern: str) -> bool:
    return fnmatch(str(path.relative_to("src")), pattern)


def _names(module: ast.Module) -> Iterator[str]:
    """Every name that a module gives: of functions, classes, arguments, variables and fields."""
    for node in ast.walk(module):
        match node:
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                yield name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case _:
                pass


def _found(pattern: re.Pattern[str], texts: Mapping[PurePosixPath, str]) -> Iterator[str]:
    for path, text in texts.items():
        for number, line in enumerate(text.splitlines(), start=1):
            if pattern.search(line):
                yield f"{path}:{number}: {line.strip()}"
