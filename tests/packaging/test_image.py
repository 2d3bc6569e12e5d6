"""Every RUN of the Dockerfile runs in a bare Debian, and the images' programs serve.

Docker itself is not needed: `image_stages` builds the stages as folders, and `chroot` enters them.
What is not tried so is Docker's own work: its base image, and how it connects containers.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from command import TWIN
from image_stages import (
    Stage,
    UnavailableError,
    bare_debian,
    built,
    instructions,
    remove,
)
from kasir.demo.processes import free_port

ROOT: Final = Path(__file__).resolve().parents[2]
DOCKERFILE: Final = ROOT / "deploy" / "Dockerfile"
COMPOSE: Final = ROOT / "deploy" / "compose.yaml"
COMMIT: Final = "0123456789abcdef0123456789abcdef01234567"
USER: Final = "10001:10001"
PATIENCE_S: Final = 60.0

can_build = pytest.mark.skipif(
    sys.platform != "linux"
    or os.geteuid() != 0
    or any(shutil.which(name) is None for name in ("apt-get", "chroot", "dpkg")),
    reason="a bare Debian is made by root, with Debian's own tools",
)


@pytest.fixture(scope="module")
def stages() -> Iterator[dict[str, Stage]]:
    """The stages of the Dockerfile, by name."""
    folder = Path(tempfile.mkdtemp(prefix="kasir-test-image-"))
    folder.chmod(0o755)
    try:
        try:
            debian = bare_debian(folder)
        except UnavailableError as error:
            pytest.skip(f"this machine cannot make a bare Debian: {error}")
        yield built(DOCKERFILE, ROOT, debian, folder, KASIR_COMMIT=COMMIT)
    finally:
        remove(folder)


@can_build
def test_a_bare_debian_is_unavailable_if_a_package_cannot_be_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "apt-get"
    program.write_text("#!/bin/sh\necho no package lists >&2\nexit 100\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    with pytest.raises(UnavailableError, match="no package lists"):
        bare_debian(tmp_path)


@can_build
def test_a_folder_with_mounts_is_unmounted_before_it_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "stages"
    point = folder / "debian" / "proc"
    point.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "none", str(point)]
    if subprocess.run(mount, stderr=subprocess.DEVNULL, check=False).returncode != 0:
        pytest.skip("root may not mount here")
    remove(folder)

    assert not folder.exists()
    assert str(folder) not in Path("/proc/mounts").read_text("utf-8")


@pytest.mark.skipif(sys.platform != "linux", reason="it unmounts with Linux's program")
def test_a_folder_with_a_mount_that_stays_is_not_removed(tmp_path: Path) -> None:
    point = tmp_path / "stages" / "debian" / "proc"
    point.mkdir(parents=True)
    mounts = tmp_path / "mounts"
    mounts.write_text(f"sysfs /sys sysfs rw 0 0\nproc {point} proc rw 0 0\n")

    with pytest.raises(RuntimeError, match=f"unmount {point}"):
        remove(tmp_path / "stages", mounts)
    assert point.is_dir()


@pytest.mark.long
@can_build
@pytest.mark.timeout(1800)
def test_every_run_step_runs_in_a_bare_debian(stages: dict[str, Stage]) -> None:
    steps = [text for name, text in instructions(DOCKERFILE.read_text()) if name == "RUN"]

    assert [step for stage in stages.values() for step in stage.ran] == steps
    assert list(stages) == ["base", "build", "adyen-twin", "kasir"]


@pytest.mark.long
@can_build
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ["adyen-twin", "kasir"])
def test_an_image_has_its_program_and_no_build_tools_and_runs_as_another_user(
    stages: dict[str, Stage], name: str
) -> None:
    stage = stages[name]
    version = stage.run([*stage.command("ENTRYPOINT"), "--version"], user=USER)
    tools = ("pip", "pip3", "gcc", "git", "make", "hatchling")
    found = [tool for tool in tools if shutil.which(tool, path=_inside(stage))]

    assert (version.stderr, version.stdout.strip()) == ("", f"0.1.0 (commit {COMMIT})")
    assert stage.described["USER"] == USER
    assert found == []


def _inside(stage: Stage) -> str:
    """The stage's PATH, as this machine sees it."""
    folders = stage.variables["PATH"].split(":")
    return ":".join(str(stage.root / folder.lstrip("/")) for folder in folders)


@contextmanager
def running(stage: Stage, port: int, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the image's program as the image does, at this port."""
    command = [*stage.command("ENTRYPOINT"), *stage.command("CMD"), "--port", str(port)]
    with subprocess.Popen(stage.entered(command, USER), env=stage.variables | environ) as process:
        try:
            yield process
        finally:
            process.kill()


def is_healthy(stage: Stage, process: subprocess.Popen[bytes], port: int) -> bool:
    """Whether the image's own health check succeeds in time; its port is replaced by this one."""
    own_port = stage.described["EXPOSE"]
    check = [word.replace(f":{own_port}/", f":{port}/") for word in stage.command("HEALTHCHECK")]
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        if stage.run(check, user=USER).returncode == 0:
            return True
    return False


@pytest.mark.long
@can_build
@pytest.mark.timeout(1800)
def test_the_image_of_the_twin_serves_and_its_webhooks_are_set(stages: dict[str, Stage]) -> None:
    stage, port = stages["adyen-twin"], free_port()
    twin_url, keys = f"http://127.0.0.1:{port}", {"ADYEN_HMAC_KEY": "ab" * 32}
    shutil.copy(ROOT / "deploy" / "twin_webhooks.py", stage.root)
    script = ["python", "/twin_webhooks.py", twin_url, "http://server:8000"]
    with running(stage, port) as process:
        healthy = is_healthy(stage, process, port)
        done = stage.run(script, user=USER, ADYEN_TOKEN_HMAC_KEY="cd" * 32, **keys)
        process.send_signal(signal.SIGTERM)
        code = process.wait(PATIENCE_S)

    assert (healthy, done.returncode, done.stderr, code) == (True, 0, "", 0)


@pytest.mark.long
@can_build
@pytest.mark.timeout(1800)
def test_the_image_of_kasir_serves_on_a_database_of_the_operator(
    stages: dict[str, Stage], fresh_database: str
) -> None:
    stage, port = stages["kasir"], free_port()
    without = stage.run(["kasir", "serve"], user=USER, **TWIN, KASIR_DATA_DIR="/tmp/kasir")
    with (
        tcp_of(fresh_database) as database_url,
        running(stage, port, **TWIN, KASIR_DATABASE_URL=database_url) as process,
    ):
        healthy = is_healthy(stage, process, port)
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)

    assert healthy
    assert without.returncode == 1
    assert "KASIR_DATABASE_URL is not set" in without.stderr
    assert len(without.stderr.splitlines()) == 1


@contextmanager
def tcp_of(dsn: str) -> Iterator[str]:
    """A database's address by TCP: a proxy of its Unix socket, which other users may not enter."""
    parts = urlsplit(dsn)
    options = {name: values[0] for name, values in parse_qs(parts.query).items()}
    target = f"{options['host']}/.s.PGSQL.{options.get('port', '5432')}"

    def copy(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # One side has ended the connection.

    def serve(client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(target)
            back = threading.Thread(target=copy, args=(server, client))
            back.start()
            copy(client, server)
            back.join()

    def accept(listener: socket.socket) -> None:
        while True:
            try:
                client = listener.accept()[0]
            except OSError:
                return
            connections.append(threading.Thread(target=serve, args=(client,)))
            connections[-1].start()

    connections = list[threading.Thread]()
    listener = socket.create_server(("127.0.0.1", 0))
    accepting = threading.Thread(target=accept, args=(listener,))
    accepting.start()
    try:
        yield f"postgresql://kasir:unused@127.0.0.1:{listener.getsockname()[1]}{parts.path}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in (accepting, *connections):  # Their sockets are closed when they end.
            thread.join()


def services() -> dict[str, dict[str, Any]]:
    """The services of the compose file."""
    read: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
    return read


def test_no_secret_is_in_the_compose_file_or_the_example_of_settings() -> None:
    example = "".join(path.read_text() for path in (ROOT / "deploy").glob("*.env.example"))
    secrets = re.findall(r"^(\w+(?:KEY|PASSWORD|SECRET))=(.*)$", example, re.MULTILINE)
    passwords = re.findall(r"PASSWORD: (.*)$", COMPOSE.read_text(), re.MULTILINE)

    assert len(secrets) == 4
    assert [name for name, value in secrets if value] == []
    assert [text for text in passwords if not text.startswith("${POSTGRES_PASSWORD:?")] == []


def test_the_twin_gets_no_secret_of_kasir_but_the_keys_of_its_webhooks() -> None:
    texts = {
        name: (COMPOSE.parent / f"{name}.example").read_text()
        for name in ("kasir.env", "webhooks.env")
    }
    examples = {
        name: set(re.findall(r"^(\w+)=", text, re.MULTILINE)) for name, text in texts.items()
    }
    files = {name: service.get("env_file", []) for name, service in services().items()}

    assert files["server"] == files["worker"] == list(examples)
    assert (files["twin"], files["twin-webhooks"]) == ([], "webhooks.env")
    assert examples["webhooks.env"] == {"ADYEN_HMAC_KEY", "ADYEN_TOKEN_HMAC_KEY"}
    assert "FORWARDED_ALLOW_IPS" in examples["kasir.env"]


def test_kasir_and_the_twin_run_without_privileges_and_are_not_open_to_the_network() -> None:
    ours = {name: service for name, service in services().items() if "build" in service}

    assert sorted(ours) == ["server", "twin", "worker"]
    for service in ours.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_the_metrics_of_the_worker_are_where_the_documentation_scrapes_them() -> None:
    """They are reached inside the network only."""
    page = (ROOT / "docs" / "observability.md").read_text("utf-8")
    scraped = re.search(r'targets: \["server:8000", "worker:(\d+)"\]', page)
    worker = services()["worker"]

    assert scraped
    assert worker["command"] == [
        *("worker", "--metrics-host", "0.0.0.0", "--metrics-port"),
        scraped[1],
    ]
    assert "ports" not in worker


def test_every_target_and_every_file_that_the_compose_file_names_exists() -> None:
    targets = re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE.read_text(), re.MULTILINE)
    ours = [service for service in services().values() if "build" in service]
    mounted = [
        volume.split(":")[0]
        for service in services().values()
        for volume in service.get("volumes", ())
        if volume.startswith(".")
    ]

    assert {service["build"]["target"] for service in ours} <= set(targets)
    assert all((COMPOSE.parent / service["build"]["context"]).samefile(ROOT) for service in ours)
    assert [name for name in mounted if not (COMPOSE.parent / name).is_file()] == []
