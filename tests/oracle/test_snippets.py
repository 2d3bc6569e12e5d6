"""Every program of docs/snippets.md runs, in each language that is installed."""

from __future__ import annotations

import asyncio
import base64
import http.server
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from every_event import body_of, every_event
from kasir.clock import SystemClock
from kasir.demo.client import JourneyClient, until
from kasir.demo.processes import RunningDemo, free_port
from kasir.shop_events.event_policy import EventType
from kasir.shop_events.sender import EventSender
from kasir.store.outbox import StoredEvent

PAGE = Path(__file__).resolve().parents[2] / "docs" / "snippets.md"
#: A code block whose first line is a comment with the name of its file.
BLOCK = re.compile(r"^```\w+\n((?:<\?php )?(?://|#) ([\w.]+)\n.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAMS = ("pay", "return", "refund", "charge", "receive")
SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two letters..").decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"another secret of these letters.").decode()


@dataclass(frozen=True, slots=True)
class Language:
    """A language of the page: the suffix of its files, and the programs that it needs."""

    name: str
    suffix: str
    needs: tuple[str, ...]

    @property
    def missing(self) -> list[str]:
        """The programs that are not installed."""
        return [program for program in self.needs if shutil.which(program) is None]

    def command(self, folder: Path, program: str) -> list[str]:
        """The command that runs a program; the receivers of PHP need PHP's own server."""
        interpreter = sys.executable if self.name == "Python" else self.needs[0]
        return [interpreter, str(folder / f"{program}{self.suffix}")]


LANGUAGES = (
    Language("Node", ".mjs", ("node",)),
    Language("PHP", ".php", ("php",)),
    Language("curl", ".sh", ("sh", "curl", "openssl")),
    Language("Python", ".py", ()),
)


@pytest.fixture(params=LANGUAGES, ids=lambda language: language.name)
def language(request: pytest.FixtureRequest) -> Language:
    """Each language of the page that is installed."""
    language: Language = request.param
    if language.missing:
        pytest.skip(f"not installed here: {', '.join(language.missing)}")
    return language


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's programs as files."""
    folder = tmp_path_factory.mktemp("snippets")
    for code, name in BLOCK.findall(PAGE.read_text("utf-8")):
        (folder / name).write_text(code, "utf-8")
    return folder


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs the programs of one language."""

    language: Language
    folder: Path
    environment: Mapping[str, str]

    async def run(self, program: str, *arguments: str) -> tuple[int, str, str]:
        """Run a program; returns its exit status, its output and its errors."""
        process = await asyncio.create_subprocess_exec(
            *self.language.command(self.folder, program),
            *arguments,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env=dict(self.environment),
        )
        output, errors = await process.communicate()
        return process.returncode or 0, output.decode().strip(), errors.decode().strip()

    async def output(self, program: str, *arguments: str) -> str:
        """The output of a program, which must succeed."""
        status, output, errors = await self.run(program, *arguments)
        assert status == 0, errors
        return output


@pytest.fixture
def runner(language: Language, folder: Path, system: RunningDemo) -> Runner:
    shop = {"KASIR_URL": system.kasir_url, "KASIR_API_KEY": system.api_key}
    return Runner(language, folder, {"PATH": os.environ["PATH"], **shop})


def new_name(kind: str) -> str:
    return f"{kind}-{secrets.token_hex(6)}"


def test_the_page_has_each_program_in_each_language(folder: Path) -> None:
    expected = {f"{program}{language.suffix}" for language in LANGUAGES for program in PROGRAMS} | {
        "kasir.mjs",
        "kasir.php",
        "kasir.sh",
    }
    blocks = re.findall(r"^```\w+$", PAGE.read_text("utf-8"), re.MULTILINE)

    assert {path.name for path in folder.iterdir()} == expected
    assert len(blocks) == len(expected)


async def test_the_programs_pay_return_and_refund(
    runner: Runner, journey_client: JourneyClient
) -> None:
    order = new_name("SNIP")
    url = await runner.output("pay", order)
    again = await runner.output("pay", order)
    result = await runner.output("return", await journey_client.shopper({"url": url}, "approve"))
    payment = await journey_client.status(order, "authorised")
    refund = await runner.output("refund", payment["pspReference"])
    await journey_client.wait_for_sum(order, "refunded", 10_000)

    assert (result, refund) == ("Authorised", "received")
    assert again == url
    assert payment["amount"] == {"currency": "IDR", "value": 25_000}


@pytest.fixture(scope="module")
async def saved_gopay(journey_client: JourneyClient) -> tuple[str, str]:
    """A saved GoPay and its shopper, for all languages."""
    shopper = new_name("shopper")
    return await saved(journey_client, shopper), shopper


async def test_the_programs_charge_a_saved_gopay(
    runner: Runner, journey_client: JourneyClient, saved_gopay: tuple[str, str]
) -> None:
    (token, shopper), order = saved_gopay, new_name("SNIP")
    result = await runner.output("charge", token, shopper, order)
    payment = await journey_client.status(order, "authorised")

    assert result in {"Authorised", "Received", "Pending"}
    assert payment["shopperReference"] == shopper


async def saved(client: JourneyClient, shopper: str) -> str:
    """Pay and save a GoPay for charges without the shopper; returns its token."""
    reply = await client.pay(
        new_name("SNIP"),
        shopperReference=shopper,
        storePaymentMethod=True,
        recurringProcessingModel="Subscription",
    )
    await client.details(await client.shopper(reply.json["action"], "approve"))

    async def read() -> list[dict[str, Any]]:
        return [
            event["data"]
            for event in await client.every_event()
            if event["type"] == "token.created" and event["data"]["shopperReference"] == shopper
        ]

    (token,) = await until(read, bool, "a token")
    return str(token["storedPaymentMethodId"])


async def test_the_programs_print_what_kasir_refuses(runner: Runner) -> None:
    status, output, errors = await runner.run("refund", "NOBODYS0PAYMENT0")

    # PHP prints its errors to the output, unless its configuration has another place for them.
    assert (status != 0, "received" in output) == (True, False)
    assert "no payment of Kasir's is NOBODYS0PAYMENT0" in output + errors


async def test_the_receiver_accepts_only_signed_events(
    language: Language, folder: Path, tmp_path: Path
) -> None:
    environment = {"PATH": os.environ["PATH"], "KASIR_EVENTS_SECRET": SECRET}
    printed = tmp_path / "printed"
    payload = next(
        body_of(event) for event in every_event() if event.type is EventType.PAYMENT_AUTHORISED
    )
    with receiving(language, folder, environment, printed) as url:
        accepted = await delivered(url, payload, [SECRET])
        rotated = await delivered(url, payload, [OTHER_SECRET, SECRET])
        forged = await delivered(url, payload, [OTHER_SECRET])

    assert (accepted, rotated, forged) == (True, True, False)
    lines = [line for line in printed.read_text("utf-8").splitlines() if "payment." in line]
    assert lines == ["payment.authorised ORDER-1001"] * 2


async def delivered(url: str, payload: bytes, signing: list[str]) -> bool:
    """Deliver an event with Kasir's sender; whether the receiver accepted it."""
    async with EventSender(url, signing, 30, SystemClock()) as sender:
        return (await sender.send(StoredEvent("evt_1", payload))).is_taken


@contextmanager
def receiving(
    language: Language, folder: Path, environment: Mapping[str, str], printed: Path
) -> Iterator[str]:
    """Run a receiver; yields its URL. `printed` is the file with its output."""
    port = free_port()
    with printed.open("wb") as output:
        if language.name == "curl":
            with cgi_server(port, language.command(folder, "receive"), environment, output):
                yield f"http://127.0.0.1:{port}/"
            return
        command = language.command(folder, "receive")
        if language.name == "PHP":
            command[1:1] = ["-S", f"127.0.0.1:{port}"]
        process = subprocess.Popen(
            command, env={**environment, "PORT": str(port)}, stdout=output, stderr=output
        )
        try:
            wait_for(port, process)
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()
            process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a program listens on a port."""
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    pytest.fail("the receiver did not start")


@contextmanager
def cgi_server(
    port: int, command: list[str], environment: Mapping[str, str], output: Any
) -> Iterator[None]:
    """Serve a CGI program, as a web server does; its errors go to `output`."""

    class Cgi(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {
                "HTTP_" + name.upper().replace("-", "_"): text
                for name, text in self.headers.items()
            }
            done = subprocess.run(
                command,
                input=body,
                stdout=subprocess.PIPE,
                stderr=output,
                cwd=Path(command[-1]).parent,
                env={**environment, **headers, "CONTENT_LENGTH": str(len(body))},
                check=True,
            )
            self.send_response(int(done.stdout.split()[1]))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with http.server.HTTPServer(("127.0.0.1", port), Cgi) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
