"""Builds the stages of the Dockerfile without Docker: each stage is a folder that `chroot` enters.

It knows the instructions that our Dockerfile uses, and fails at any other. The base image is a bare
Debian made by debootstrap. What a stage needs of this machine to reach its package indexes (how to
resolve names, the settings of apt and pip, certificates) is copied into it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

STEP_S_MAX: Final = 900
#: Instructions that describe the image and change no file.
DESCRIPTIVE: Final = ("CMD", "ENTRYPOINT", "EXPOSE", "HEALTHCHECK", "USER")
#: What a base image of this machine's own kind would have: its way to the package indexes.
MACHINE: Final = (
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/apt/apt.conf.d",
    "/etc/apt/auth.conf.d",
)
#: This machine's certificate authorities in a stage, whose own package of them replaces others.
AUTHORITIES: Final = "/etc/machine-authorities.pem"


class UnavailableError(Exception):
    """This machine cannot make a bare Debian; the text is the reason."""


@dataclass(slots=True)
class Stage:
    """A stage of the Dockerfile: its folder, and what its instructions say about its programs."""

    root: Path
    folder: str = "/"
    environment: dict[str, str] = field(default_factory=dict)
    #: The arguments of the instructions that describe the image, by instruction.
    described: dict[str, str] = field(default_factory=dict)
    #: The commands that were run.
    ran: list[str] = field(default_factory=list)

    def command(self, name: str) -> list[str]:
        """The arguments of CMD, ENTRYPOINT or HEALTHCHECK, which must be in JSON form."""
        text = self.described[name]
        command: list[str] = json.loads(text[text.index("[") :])
        return command

    def run(
        self, command: Sequence[str], *, user: str = "", **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in the stage until it ends, as root or as a user."""
        return subprocess.run(
            self.entered(command, user),
            env=self.variables | environ,
            capture_output=True,
            text=True,
            timeout=STEP_S_MAX,
            check=False,
        )

    def entered(self, command: Sequence[str], user: str) -> list[str]:
        """The command that runs a program in the stage, in its working folder."""
        account = [f"--userspec={user}"] if user else []
        enter = f"cd {shlex.quote(self.folder)} && exec {shlex.join(command)}"
        # The stage's PATH is not this machine's.
        chroot = shutil.which("chroot") or "chroot"
        return [chroot, *account, str(self.root), "/bin/sh", "-c", enter]

    @property
    def variables(self) -> dict[str, str]:
        """The environment of the stage's programs: Docker's own, and that of ENV and ARG."""
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return {"PATH": path, "HOME": "/tmp"} | self.environment


def bare_debian(folder: Path) -> Path:
    """Make a bare Debian, of the release that the Dockerfile names, with debootstrap.

    Raises:
        UnavailableError: This machine cannot make one: packages cannot be fetched, debootstrap has
            no right to mount, or there is no file of certificate authorities.
    """
    authorities = _machine_authorities()
    fetched, root = folder / "debootstrap", folder / "debian"
    fetched.mkdir()
    _available("apt-get", "download", "debootstrap", cwd=fetched)
    (package,) = fetched.glob("*.deb")
    _checked("dpkg", "-x", str(package), str(fetched))
    program = fetched / "usr" / "sbin" / "debootstrap"
    environ = os.environ | {"DEBOOTSTRAP_DIR": str(fetched / "usr" / "share" / "debootstrap")}
    _available(str(program), "--variant=minbase", "bookworm", str(root), env=environ)
    for source in (*map(Path, MACHINE), *Path("/etc").glob("pip.*")):
        target = root / source.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif source.exists():
            shutil.copy(source, target)
    shutil.copy(authorities, root / AUTHORITIES.lstrip("/"))
    return root


def remove(folder: Path, mounts: Path = Path("/proc/mounts")) -> None:
    """Remove a folder, after what an interrupted debootstrap left mounted in it is unmounted.

    Raises:
        RuntimeError: Something is still mounted in it, which root must not delete; it is left.
    """
    for point in reversed(_mounted_in(folder, mounts)):
        subprocess.run(
            ["umount", point], stderr=subprocess.DEVNULL, timeout=STEP_S_MAX, check=False
        )
    if left := _mounted_in(folder, mounts):
        raise RuntimeError(f"unmount {', '.join(map(str, left))}, then remove {folder}")
    shutil.rmtree(folder)


def _mounted_in(folder: Path, mounts: Path) -> list[Path]:
    """The mount points in a folder, in the order in which they were mounted."""
    points = [Path(line.split()[1]) for line in mounts.read_text("utf-8").splitlines()]
    return [point for point in points if point.is_relative_to(folder.resolve())]


def built(
    dockerfile: Path, context: Path, debian: Path, folder: Path, **arguments: str
) -> dict[str, Stage]:
    """Build every stage of a Dockerfile, with these values for its ARGs.

    A RUN that fails ends the test with its output.
    """
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for instruction, text in instructions(dockerfile.read_text(encoding="utf-8")):
        if instruction == "FROM":
            base, name = re.fullmatch(r"(\S+) AS (\S+)", text).groups()  # type: ignore[union-attr]  # Else it fails.
            root = folder / name
            _checked("cp", "--archive", str(stages[base].root if base in stages else debian), root)
            stage = stages[name] = Stage(root)
            continue
        assert stage is not None
        if instruction == "ARG":
            name = text.partition("=")[0]
            stage.environment[name] = arguments[name]
        else:
            _apply(stage, instruction, text, context, stages)
    return stages


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """The instructions of a Dockerfile, each with its arguments; comments are left out."""
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for line in lines.replace("\\\n", " ").splitlines():
        if line.strip():
            instruction, _, arguments = line.partition(" ")
            yield instruction, " ".join(arguments.split())


def _apply(
    stage: Stage, instruction: str, text: str, context: Path, stages: dict[str, Stage]
) -> None:
    if instruction == "RUN":
        done = stage.run(["/bin/sh", "-c", text], **_pip_settings())
        assert done.returncode == 0, f"RUN {text}\n{done.stdout}\n{done.stderr}"
        stage.ran.append(text)
    elif instruction == "COPY":
        _copy(stage, text.split(), context, stages)
    elif instruction == "WORKDIR":
        stage.folder = text
        (stage.root / text.lstrip("/")).mkdir(parents=True, exist_ok=True)
    elif instruction == "ENV":
        name, _, value = text.partition("=")
        stage.environment[name] = value
    else:
        assert instruction in DESCRIPTIVE, f"this test does not know {instruction}"
        stage.described[instruction] = text


def _copy(stage: Stage, words: list[str], context: Path, stages: dict[str, Stage]) -> None:
    origin = context
    if words[0].startswith("--from="):
        origin = stages[words.pop(0).removeprefix("--from=")].root
    *sources, target = words
    to = stage.root / (Path(stage.folder) / target).as_posix().lstrip("/")
    is_folder = target.endswith("/")
    if is_folder:
        to.mkdir(parents=True, exist_ok=True)
    for source in (origin / name.lstrip("/") for name in sources):
        if source.is_dir():
            shutil.copytree(
                source,
                to,
                symlinks=True,
                dirs_exist_ok=True,
                ignore=shutil.ignore_patterns("__pycache__"),
            )
        else:
            shutil.copy(source, to)


def _machine_authorities() -> str:
    """The file of the certificate authorities that this machine trusts."""
    path = ssl.get_default_verify_paths().cafile
    if path is None:
        raise UnavailableError("this machine has no file of certificate authorities")
    return path


def _pip_settings() -> dict[str, str]:
    """This machine's settings of pip, but folders of packages, which are not in the stage."""
    settings = {name: text for name, text in os.environ.items() if name.startswith("PIP_")}
    settings.pop("PIP_FIND_LINKS", None)
    return settings | {"PIP_CERT": AUTHORITIES}


def _available(*command: str, **options: object) -> None:
    """Run a program that needs the network and rights of this machine.

    Raises:
        UnavailableError: It failed, or did not end in time.
    """
    try:
        _checked(*command, **options)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(str(error)) from error


def _checked(*command: str | Path, **options: object) -> None:
    done = subprocess.run(  # type: ignore[call-overload]  # The options are those of `run`.
        command, capture_output=True, text=True, timeout=STEP_S_MAX, check=False, **options
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
