"""The wheel has every file of the source, and its programs run in a new environment."""

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

from command import environment, verdicts
from kasir.demo import node_library
from kasir.demo.journeys import JOURNEYS

ROOT: Final = Path(__file__).resolve().parents[2]
PATIENCE_S: Final = 500


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that every user may enter, because PostgreSQL does not run as root."""
    folder = Path(tempfile.mkdtemp(prefix="kasir-test-wheel-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def wheel(folder: Path) -> Path:
    """The wheel, built as a release is."""
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def programs(folder: Path, wheel: Path) -> Path:
    """The folder of the programs of a new environment with the wheel and its dependencies."""
    run(sys.executable, "-m", "venv", str(folder / "env"))
    programs, pinned = folder / "env" / "bin", folder / "pinned.txt"
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    # Without the hashes of the lock file: with them, pip would require a hash for our wheel too.
    pinned.write_text("\n".join(re.findall(r"^(\S+==[^\\\n]+?) ?\\?$", lock, re.MULTILINE)))
    install = "-m", "pip", "install", "--quiet", "--disable-pip-version-check"
    run(str(programs / "python"), *install, "--constraint", str(pinned), f"{wheel}[demo]")
    return programs


def run(*command: str) -> str:
    """Run a program and return its output; fail with the output if its exit code is not 0."""
    done = subprocess.run(
        command,
        cwd=ROOT if "hatchling" in command else "/",
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_has_every_file_of_the_source_and_no_other(wheel: Path) -> None:
    listed = run("git", "-C", str(ROOT), "ls-files", "src").splitlines()
    packed = zipfile.ZipFile(wheel).namelist()

    assert {name for name in packed if ".dist-info/" not in name} == {
        name.removeprefix("src/") for name in listed if (ROOT / name).exists()
    }


@pytest.mark.long
def test_the_imported_package_is_the_installed_one(programs: Path) -> None:
    module_path = run(str(programs / "python"), "-c", "import kasir; print(kasir.__file__)")

    assert Path(module_path).is_relative_to(programs.parent)


@pytest.mark.long
def test_the_installed_demo_completes_every_journey(folder: Path, programs: Path) -> None:
    out = run("/usr/bin/env", f"TMPDIR={folder}", str(programs / "kasir"), "demo", "--check")
    # There is no Node library in the folder `/`.
    rows, skipped = verdicts(out), dict.fromkeys(node_library.JOURNEYS, "skip")

    assert list(rows) == list(JOURNEYS)
    assert {name: verdict for name, verdict in rows.items() if verdict != "ok"} == skipped


@pytest.mark.long
def test_the_installed_twin_serves_requests_and_stops(programs: Path) -> None:
    with subprocess.Popen(
        [programs / "adyen-twin", "serve", "--port", "0"],
        cwd="/",
        env=environment({}),
        stdout=subprocess.PIPE,
        text=True,
    ) as twin:
        try:
            assert twin.stdout is not None
            line = next(line for line in twin.stdout if line.startswith("adyen-twin is at "))
            url = line.split()[3]
            with urllib.request.urlopen(f"{url}/twin/health", timeout=30) as answer:
                status = answer.status
            twin.send_signal(signal.SIGTERM)
            code = twin.wait(timeout=PATIENCE_S)
        finally:
            twin.kill()

    assert (status, code) == (200, 0)
