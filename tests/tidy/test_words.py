"""Texts that no file may contain, such as to-do marks, machine paths and private words.

A private word is one for which this project uses a standard term instead.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import Final

# Each pattern is written so that it does not match this file.
TO_DO_MARKS = re.compile(r"\b(TO[D]O|FIX[M]E|X[X]X)\b")
MACHINES = re.compile(
    r"(?<![\w.:/}-])/(wor[k]|hom[e]|Use[r]s|roo[t]|op[t])/[\w.]"  # A folder of one machine.
    r"|\bpyp[i]\.(org|python)|\bpythonh[o]sted\b|\bnpmj[s]\.(com|org)"  # A package index.
    r"|--(extra-)?inde[x]-url\b|\bpip\.con[f]\b"  # A setting of pip on one machine.
)
#: A line of the lock file: a pinned package, or one of its hashes.
HASHED = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>\S+)(?P<marker> ;[^\\]+)? \\"
    r"|    --hash=sha256:[0-9a-f]{64}(?P<more> \\)?"
)


@dataclass(frozen=True)
class Private:
    """A private word for which a standard term exists.

    Attributes:
        forms: Every form of the word, separated by spaces. A form is also found as a part of an
            identifier: `told_at`, `NewsPage`.
        instead: What to write instead.
        allowed: Patterns, relative to `src`, of the files that may contain the word. A pattern
            fails the test if no file that it matches contains the word.
    """

    forms: str
    instead: str
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
#: Words that may not be anywhere in `src`. Migrations are not checked: they are never edited.
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
    Private("examine examined examines examination diagnosis", "doctor"),
)
#: Words that may not be in names. In prose they are ordinary English.
NOT_IN_NAMES: Final = (
    Private("far", "fake_adyen, remote"),
    Private("ground", "parts"),
    Private("place places placed unplaced", "folder, match"),
    Private("stands stood", "is, status"),
)
MIGRATIONS: Final = "*/migrations/*"


def test_no_file_contains_a_to_do_mark(texts: Mapping[PurePosixPath, str]) -> None:
    assert list(_found(TO_DO_MARKS, texts)) == []


def test_no_file_names_a_machine_or_a_package_index(texts: Mapping[PurePosixPath, str]) -> None:
    assert list(_found(MACHINES, texts)) == []


def test_every_pinned_package_has_a_hash_and_no_url(
    texts: Mapping[PurePosixPath, str],
) -> None:
    lock = texts[PurePosixPath("requirements.lock")]
    invalid = [line for line in lock.splitlines() if not HASHED.fullmatch(line)]
    unhashed = re.findall(r"^(\S+==\S+).*\n(?!    --hash)", lock, flags=re.MULTILINE)

    assert (invalid, unhashed) == ([], [])


def test_every_direct_dependency_is_pinned(texts: Mapping[PurePosixPath, str]) -> None:
    lock = texts[PurePosixPath("requirements.lock")]
    files = ("pyproject.toml", "twin/pyproject.toml")
    project = "".join(texts[PurePosixPath(path)] for path in files)
    pinned = set(re.findall(r"^(\S+?)==", lock, flags=re.MULTILINE))
    required = re.findall(
        r'^\s*(?:demo = \[)?"([A-Za-z0-9-]+)(?:\[\w+\])?>=', project, re.MULTILINE
    )

    assert required != []
    assert {name.lower() for name in required} - pinned == {"adyen-twin"}  # Our own.


def test_the_source_contains_no_private_word(texts: Mapping[PurePosixPath, str]) -> None:
    found = {word: _uses(word, _source_lines(texts)) for word in NOWHERE}

    assert (_forbidden(found), _unneeded(found)) == ([], [])


def test_no_name_in_the_source_contains_a_private_word(
    modules: Mapping[PurePosixPath, ast.Module],
) -> None:
    names = {path: [" ".join({path.stem, *_names(module)})] for path, module in modules.items()}
    found = {word: _uses(word, names) for word in NOT_IN_NAMES}

    assert (_forbidden(found), _unneeded(found)) == ([], [])


def _source_lines(texts: Mapping[PurePosixPath, str]) -> Mapping[PurePosixPath, list[str]]:
    """The lines of each source file after a first line with its name, without fixed names."""
    return {
        path: FIXED.sub("", f"{path.stem}\n{text}").splitlines()
        for path, text in texts.items()
        if path.parts[0] == "src" and path.suffix in {".py", ".sql", ".html", ".js"}
        if not path.match(MIGRATIONS)
    }


def _uses(
    word: Private, lines: Mapping[PurePosixPath, list[str]]
) -> Mapping[PurePosixPath, list[str]]:
    """The uses of a word, by file; each use as `file:line form`."""
    forms = frozenset(word.forms.split())
    found = {
        path: [
            f"{path}:{number} {part}"
            for number, line in enumerate(file_lines)
            for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", line)
            if part.lower() in forms
        ]
        for path, file_lines in lines.items()
    }
    return {path: uses for path, uses in found.items() if uses}


def _forbidden(found: Mapping[Private, Mapping[PurePosixPath, list[str]]]) -> list[str]:
    """The uses in files where the word is not allowed, each with what to write instead."""
    return [
        f"{use}: write {word.instead}"
        for word, by_path in found.items()
        for path, uses in by_path.items()
        if not any(_matches(path, pattern) for pattern in word.allowed)
        for use in uses
    ]


def _unneeded(found: Mapping[Private, Mapping[PurePosixPath, list[str]]]) -> list[str]:
    """The patterns of `allowed` that match no file with the word."""
    return [
        f"{word.forms.split()[0]}: {pattern}"
        for word, by_path in found.items()
        for pattern in word.allowed
        if not any(_matches(path, pattern) for path in by_path)
    ]


def _matches(path: PurePosixPath, pattern: str) -> bool:
    """Whether a pattern relative to `src` matches this path."""
    return fnmatch(str(path.relative_to("src")), pattern)


def _names(module: ast.Module) -> Iterator[str]:
    """Every name that a module defines: functions, classes, arguments, variables and fields."""
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
    """Every line that the pattern matches, as `file:line: text`."""
    for path, text in texts.items():
        for number, line in enumerate(text.splitlines(), start=1):
            if pattern.search(line):
                yield f"{path}:{number}: {line.strip()}"
