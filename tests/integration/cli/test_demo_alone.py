"""A demo has its folder, its ports and its twin for itself, and finds them again tomorrow."""

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
from kasir.demo import processes as module
from kasir.demo.alone import DemoError, alone, keep_keys, keys_of
from kasir.demo.processes import RunningDemo, free_port, running_demo


class Foreign(BaseHTTPRequestHandler):
    """Another user's twin: healthy, and it records what is put to it."""

    put: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Answer the health check."""
        self.answer()

    def do_PUT(self) -> None:
        """Record the path."""
        self.put.append(self.path)
        self.answer()

    def answer(self) -> None:
        """Answer 200 without a body."""
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def taken() -> Iterator[int]:
    """A port at which another twin answers."""
    Foreign.put.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Foreign) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's account may enter: pytest's own are closed to it."""
    made = Path(tempfile.mkdtemp(prefix="kasir-demos-"))
    yield made
    shutil.rmtree(made)


def test_a_second_demo_in_the_same_folder_stops_with_one_line(folder: Path) -> None:
    with alone(folder):
        result = kasir("demo", "--data", str(folder), "--port", str(free_port()))

    assert (result.returncode, result.stdout) == (1, "")
    assert is_one_line(result.stderr), result.stderr
    assert f"a demo runs in {folder}" in result.stderr
    assert list(folder.iterdir()) == []


def test_a_demo_whose_port_is_taken_stops_with_one_line_and_sends_no_keys(
    folder: Path, taken: int
) -> None:
    result = kasir("demo", "--data", str(folder), "--twin-port", str(taken), "--port", "0")

    assert (result.returncode, result.stdout) == (1, "")
    assert is_one_line(result.stderr), result.stderr
    assert f"port {taken}: Address already in use: give another by --twin-port" in result.stderr
    assert Foreign.put == []


def test_a_demo_started_by_a_test_reports_a_taken_port_too(folder: Path, taken: int) -> None:
    with alone(folder), pytest.raises(DemoError, match="a demo runs in"):
        begin(folder, free_port())
    with pytest.raises(DemoError, match="--twin-port"):
        begin(folder, taken)


def test_a_twin_that_took_the_port_just_before_ours_does_not_get_our_keys_either(
    folder: Path, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "refuse_taken", lambda *_: None)
    with pytest.raises(DemoError, match=r"the twin did not start: .*cannot listen"):
        begin(folder, taken)

    assert Foreign.put == []


def begin(folder: Path, twin_port: int) -> None:
    with on(folder, twin_port):
        pass


@contextmanager
def on(folder: Path, twin_port: int | None = None) -> Iterator[RunningDemo]:
    running: AbstractContextManager[RunningDemo] = running_demo(
        port=free_port(),
        twin_port=twin_port or free_port(),
        shop_port=free_port(),
        data=folder,
        given=environment({}),
    )
    with running as made:
        yield made


def asked(url: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        url,
        data=json.dumps(body).encode() if body else None,
        headers={"Content-Type": "application/json", "X-API-Key": "demo-api-key"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def test_the_twins_data_is_kept_in_the_folder_of_kasirs_data(folder: Path) -> None:
    with on(folder) as first:
        keys = first.environment["ADYEN_HMAC_KEY"]
        asked(f"{first.twin_url}/twin/foreign", foreign_payment())
        known = asked(f"{first.twin_url}/twin/clock", {"advance_s": 3600})
    with on(folder) as second:
        now = asked(f"{second.twin_url}/twin/clock")

        assert second.environment["ADYEN_HMAC_KEY"] == keys
    assert now["now"] > known["now"]
    assert "kept-1" in (folder / "twin.json").read_text()


def foreign_payment() -> dict[str, Any]:
    return {"reference": "kept-1", "amount": {"currency": "IDR", "value": 25_000}}


def test_only_the_owner_can_read_the_stored_keys(folder: Path) -> None:
    made = keys_of(folder)
    keep_keys(folder, made)

    assert keys_of(folder) == made
    assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o600]
