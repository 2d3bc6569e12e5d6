"""A demo shares its folder, ports and twin with no other, and keeps its data."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from command import environment, is_one_line, kasir
from kasir.demo import processes
from kasir.demo.alone import DemoError, alone, keep_keys, keys_of
from kasir.demo.processes import RunningDemo, free_port, running_demo


class OtherTwin(BaseHTTPRequestHandler):
    """Another user's twin, which is healthy and records the paths of PUT requests."""

    put_paths: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Answer the health check."""
        self.answer()

    def do_PUT(self) -> None:
        """Record the path."""
        self.put_paths.append(self.path)
        self.answer()

    def answer(self) -> None:
        """Answer 200 without a body."""
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port at which another twin answers."""
    OtherTwin.put_paths.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), OtherTwin) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's account may enter, unlike pytest's folders."""
    path = Path(tempfile.mkdtemp(prefix="kasir-demos-"))
    yield path
    shutil.rmtree(path)


def test_a_second_demo_in_the_same_folder_stops_with_one_line(folder: Path) -> None:
    with alone(folder):
        result = kasir("demo", "--data", str(folder), "--port", str(free_port()))

    assert (result.returncode, result.stdout) == (1, "")
    assert is_one_line(result.stderr), result.stderr
    assert f"a demo runs in {folder}" in result.stderr
    assert list(folder.iterdir()) == []


def test_a_demo_whose_port_is_taken_stops_with_one_line_and_sends_no_keys(
    folder: Path, taken_port: int
) -> None:
    result = kasir("demo", "--data", str(folder), "--twin-port", str(taken_port), "--port", "0")

    assert (result.returncode, result.stdout) == (1, "")
    assert is_one_line(result.stderr), result.stderr
    assert (
        f"port {taken_port}: Address already in use: give another by --twin-port" in result.stderr
    )
    assert OtherTwin.put_paths == []


def test_running_demo_raises_an_error_for_a_taken_folder_or_port(
    folder: Path, taken_port: int
) -> None:
    with alone(folder), pytest.raises(DemoError, match="a demo runs in"):
        start_and_stop(folder, free_port())
    with pytest.raises(DemoError, match="--twin-port"):
        start_and_stop(folder, taken_port)


def test_a_twin_that_takes_the_port_during_the_start_does_not_get_the_demos_keys(
    folder: Path, taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The demo finds the port free at first.
    monkeypatch.setattr(processes, "refuse_taken", lambda *_: None)
    with pytest.raises(DemoError, match=r"the twin did not start: .*cannot listen"):
        start_and_stop(folder, taken_port)

    assert OtherTwin.put_paths == []


def start_and_stop(folder: Path, twin_port: int) -> None:
    """Run a demo and stop it at once."""
    with running_on(folder, twin_port):
        pass


@contextmanager
def running_on(folder: Path, twin_port: int | None = None) -> Iterator[RunningDemo]:
    """A demo whose data is in this folder; without a port for the twin, it takes a free one."""
    running: AbstractContextManager[RunningDemo] = running_demo(
        port=free_port(),
        twin_port=twin_port or free_port(),
        shop_port=free_port(),
        data=folder,
        given=environment({}),
    )
    with running as demo:
        yield demo


def call(url: str, body: Any = None) -> Any:
    """Get a URL, or post a body to it; returns the JSON of the answer."""
    request = urllib.request.Request(
        url,
        data=json.dumps(body).encode() if body else None,
        headers={"Content-Type": "application/json", "X-API-Key": "demo-api-key"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def test_the_twins_data_is_kept_in_the_folder_of_kasirs_data(folder: Path) -> None:
    with running_on(folder) as first:
        key = first.environment["ADYEN_HMAC_KEY"]
        call(f"{first.twin_url}/twin/foreign", foreign_payment())
        advanced = call(f"{first.twin_url}/twin/clock", {"advance_s": 3600})
    with running_on(folder) as second:
        now = call(f"{second.twin_url}/twin/clock")

        assert second.environment["ADYEN_HMAC_KEY"] == key
    assert now["now"] > advanced["now"]
    assert "kept-1" in (folder / "twin.json").read_text()


def foreign_payment() -> dict[str, Any]:
    """A payment that another system made at Adyen."""
    return {"reference": "kept-1", "amount": {"currency": "IDR", "value": 25_000}}


def test_only_the_owner_can_read_the_stored_keys(folder: Path) -> None:
    keys = keys_of(folder)
    keep_keys(folder, keys)

    assert keys_of(folder) == keys
    assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o600]
