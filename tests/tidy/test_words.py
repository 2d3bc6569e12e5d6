"""Words that do not belong in the tree: leftovers, machines, package indexes, secrets of a desk."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

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


def _found(pattern: re.Pattern[str], texts: Mapping[PurePosixPath, str]) -> Iterator[str]:
    for path, text in texts.items():
        for number, line in enumerate(text.splitlines(), start=1):
            if pattern.search(line):
                yield f"{path}:{number}: {line.strip()}"
