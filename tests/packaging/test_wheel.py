"""The wheel that others install: complete, and at work in an environment that has nothing else."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from command import environment
from kasir.demo.journeys import JOURNEYS

ROOT: Final = Path(__file__).resolve().parents[2]
PATIENCE_S: Final = 500


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that PostgreSQL's account may enter, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="kasir-test-wheel-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def wheel(place: Path) -> Path:
    """The wheel, built as a release is."""
    ran(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(place))
    (built,) = place.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def programs(place: Path, wheel: Path) -> Path:
    """The folder of the programs in a new environment: the wheel, its dependencies, no source."""
    ran(sys.executable, "-m", "venv", str(place / "env"))
    programs, pinned = place / "env" / "bin", place / "pinned.txt"
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    # Without hashes: a wheel that was just built has none in the lock file.
    pinned.write_text("\n".join(re.findall(r"^(\S+==[^\\\n]+?) ?\\?$", lock, re.MULTILINE)))
    install = "-m", "pip", "install", "--quiet", "--disable-pip-version-check"
    ran(str(programs / "python"), *install, "--constraint", str(pinned), f"{wheel}[demo]")
    return programs


def ran(*words: str) -> str:
    """What a program prints that ends well; its complaint is the test's if it does not."""
    done = subprocess.run(
        words,
        cwd=ROOT if "hatchling" in words else "/",
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_has_every_file_of_the_source_and_no_other(wheel: Path) -> None:
    listed = ran("git", "-C", str(ROOT), "ls-files", "src").splitlines()
    packed = zipfile.ZipFile(wheel).namelist()

    assert {name for name in packed if ".dist-info/" not in name} == {
        name.removeprefix("src/") for name in listed if (ROOT / name).exists()
    }


@pytest.mark.long
def test_the_package_that_is_imported_is_the_installed_one(programs: Path) -> None:
    where = ran(str(programs / "python"), "-c", "import kasir; print(kasir.__file__)")

    assert Path(where).is_relative_to(programs.parent)


@pytest.mark.long
def test_the_demo_walks_every_journey_from_there(place: Path, programs: Path) -> None:
    out = ran("/usr/bin/env", f"TMPDIR={place}", str(programs / "kasir"), "demo", "--check")
    rows = [line for line in out.splitlines() if line.startswith(("ok ", "FAIL "))]

    assert [row.removeprefix("ok").strip() for row in rows] == list(JOURNEYS)


@pytest.mark.long
def test_the_twin_serves_and_stops_from_there(programs: Path) -> None:
    with subprocess.Popen(
        [programs / "adyen-twin", "serve", "--port", "0"],
        cwd="/",
        env=environment({}),
        stdout=subprocess.PIPE,
        text=True,
    ) as twin:
        try:
            assert twin.stdout is not None
            said = next(line for line in twin.stdout if line.startswith("adyen-twin is at "))
            url = said.split()[3]
            with urllib.request.urlopen(f"{url}/twin/health", timeout=30) as answer:
                status = answer.status
            twin.send_signal(signal.SIGTERM)
            code = twin.wait(timeout=PATIENCE_S)
        finally:
            twin.kill()

    assert (status, code) == (200, 0)
