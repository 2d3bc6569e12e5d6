"""Finds the browser that the tests drive, and downloads one if there is none.

The script tries three browsers, in this order:

1. The system's Chromium or Chrome: it needs no download, and the system updates it.
2. Playwright's own, which the script downloads if necessary.
3. The distribution's package, if the script runs on Debian as root.

Each one must print its version before it is used: Ubuntu's `chromium-browser` may be a stub that
only names the snap, and Playwright's download may lack libraries of the system.

The script prints one line, and writes the path to `.browser/path`, which `tests/browser.py` reads.
It installs nothing but a browser.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile

from playwright.sync_api import sync_playwright

ON_PATH = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_APPS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
PATH_FILE = Path(__file__).resolve().parent.parent / ".browser" / "path"

VERSION_S_MAX = 60.0
PLAYWRIGHT_INSTALL_S_MAX = 300.0
APT_S_MAX = 600.0


def main() -> int:
    """Print the browser, or what to do if there is none."""
    for path, why in candidates():
        version = version_of(path)
        if version is None:
            continue
        PATH_FILE.parent.mkdir(exist_ok=True)
        PATH_FILE.write_text(path + "\n", encoding="utf-8")
        print(f"browser: {version} at {path} ({why})")
        return 0
    PATH_FILE.unlink(missing_ok=True)
    print(
        "browser: none found and none could be fetched; install Chromium or Chrome, "
        "or run: .venv/bin/playwright install --with-deps chromium",
        file=sys.stderr,
    )
    return 1


def candidates() -> Iterator[tuple[str, str]]:
    """Yield paths and where they come from, the cheapest first; download only when needed."""
    yield from on_this_system()
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    if Path(own).exists():
        yield own, "Playwright's own, already fetched"
    elif run([sys.executable, "-m", "playwright", "install", "chromium"], PLAYWRIGHT_INSTALL_S_MAX):
        yield own, "Playwright's own, fetched now"
    if os.geteuid() == 0 and shutil.which("apt-get") and install_debian_package():
        for path, _ in on_this_system():
            yield path, "Debian's package, installed now"


def on_this_system() -> Iterator[tuple[str, str]]:
    """Yield the paths of installed browsers, and where they come from."""
    for name in ON_PATH:
        if path := shutil.which(name):
            yield path, "the system's own"
    for app in MAC_APPS:
        if Path(app).exists():
            yield app, "the system's own"


def install_debian_package() -> bool:
    """Install Debian's Chromium; return whether that succeeded."""
    install = ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]
    return run(["apt-get", "update"], APT_S_MAX) and run(install, APT_S_MAX)


def version_of(path: str) -> str | None:
    """Return the browser's name and version; None if it does not start."""
    try:
        answer = subprocess.run(
            [path, "--version"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # Wrapper scripts print unrelated warnings there.
            text=True,
            timeout=VERSION_S_MAX,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip().split(" built on ")[0] or None


def run(command: Sequence[str], seconds_max: float) -> bool:
    """Run a program, and kill it and its children after `seconds_max`; return its success."""
    print(f"browser: trying {' '.join(command)}", flush=True)
    with (
        TemporaryFile("w+", encoding="utf-8", errors="replace") as output,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        ) as program,
    ):
        try:
            if program.wait(timeout=seconds_max) == 0:
                return True
            output.seek(0)
            print(f"browser: that failed: {cause_in(output.read())}", flush=True)
        except subprocess.TimeoutExpired:
            print(f"browser: gave up after {seconds_max:.0f} s", flush=True)
        finally:
            # Playwright's installer starts a Node program, which must be killed too.
            if program.poll() is None:
                os.killpg(program.pid, signal.SIGKILL)
    return False


def cause_in(output: str) -> str:
    """Return the line with the cause in the output of an installer."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = (line for line in lines if line.startswith(("Error:", "E:")))
    return next(errors, lines[-1] if lines else "it gave no reason")


if __name__ == "__main__":
    sys.exit(main())
