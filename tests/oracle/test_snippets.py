"""Every program of docs/snippets.md runs, in each language that is installed."""

from __future__ import annotations

import asyncio
import base64
import hmac
import http.server
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

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
#: The body of an event that a payment is authorised.
PAID = next(body_of(event) for event in every_event() if event.type is EventType.PAYMENT_AUTHORISED)


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
    names = [new_name("refund") for _ in range(2)]
    refunds = [
        await runner.output("refund", payment["pspReference"], name) for name in (*names, names[0])
    ]
    await journey_client.wait_for_sum(order, "refunded", 20_000)

    assert (result, refunds) == ("Authorised", ["received"] * 3)
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
    status, output, errors = await runner.run("refund", "NOBODYS0PAYMENT0", "refund-1")

    # PHP prints its errors to the output, unless its configuration has another place for them.
    assert (status != 0, "received" in output) == (True, False)
    assert "no payment of Kasir's is NOBODYS0PAYMENT0" in output + errors


async def test_the_receiver_accepts_only_signed_events(
    language: Language, folder: Path, tmp_path: Path
) -> None:
    printed = tmp_path / "printed"
    with receiving(language, folder, SECRET, printed) as url:
        if language.name != "curl":  # A CGI program's web server reads the body.
            disconnected(url)
        accepted = await delivered(url, PAID, [SECRET])
        rotated = await delivered(url, PAID, [OTHER_SECRET, SECRET])
        forged = await delivered(url, PAID, [OTHER_SECRET])
        times = [str(int(time.time()) + late) for late in (-600, 600)]
        untimely = [status_of(url, PAID, SECRET, one) for one in (None, "", "soon", *times)]

    assert (accepted, rotated, forged) == (True, True, False)
    assert untimely == [401] * len(untimely)
    lines = [line for line in printed.read_text("utf-8").splitlines() if "payment." in line]
    assert lines == ["payment.authorised ORDER-1001"] * 2


async def test_the_receiver_prints_the_payment_of_a_refund(
    language: Language, folder: Path, tmp_path: Path
) -> None:
    event = next(one for one in every_event() if one.type is EventType.REFUND_SUCCEEDED)
    body = json.loads(body_of(event))
    body["data"]["refunds"] = [{"type": "refund", "reference": "refund-1"}]
    printed = tmp_path / "printed"
    with receiving(language, folder, SECRET, printed) as url:
        accepted = await delivered(url, json.dumps(body).encode(), [SECRET])

    assert accepted
    assert "refund.succeeded ORDER-1001" in printed.read_text("utf-8").splitlines()


@pytest.mark.parametrize("secret", ["", "whsec_"])
@pytest.mark.parametrize("signature", ["v1,", "of the empty secret"])
def test_a_receiver_without_a_secret_accepts_nothing(
    language: Language, folder: Path, tmp_path: Path, secret: str, signature: str
) -> None:
    now = str(int(time.time()))
    given = signature if signature == "v1," else sign("", now, PAID)
    with maybe_receiving(language, folder, secret, tmp_path / "printed") as url:
        status = url and status_of(url, PAID, "", now, given)

    # The receivers that are one program do not start.
    assert status in ("", 500)


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_shell_receiver_evaluates_no_header(folder: Path, tmp_path: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"not installed here: {shell}")
    made = tmp_path / "made"
    done = subprocess.run(
        [shell, "receive.sh"],
        input=b"{}",
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "KASIR_EVENTS_SECRET": SECRET,
            "CONTENT_LENGTH": "2",
            "HTTP_WEBHOOK_TIMESTAMP": f"a[$(touch {made})0]",
        },
        capture_output=True,
        check=True,
    )

    assert (done.stdout, made.exists()) == (b"Status: 401\r\n\r\n", False)


def test_a_shell_receiver_whose_openssl_fails_accepts_nothing(folder: Path, tmp_path: Path) -> None:
    if LANGUAGES[2].missing:
        pytest.skip("not installed here: openssl")
    failing = tmp_path / "openssl"
    failing.write_text("#!/bin/sh\nexit 1\n")
    failing.chmod(0o755)
    done = subprocess.run(
        ["sh", "receive.sh"],
        input=b"{}",
        cwd=folder,
        env={
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "KASIR_EVENTS_SECRET": SECRET,
            "CONTENT_LENGTH": "2",
            "HTTP_WEBHOOK_TIMESTAMP": str(int(time.time())),
            "HTTP_WEBHOOK_SIGNATURE": "v1,",
        },
        capture_output=True,
        check=True,
    )

    assert done.stdout == b"Status: 500\r\n\r\n"


@pytest.mark.parametrize("program", ["return", "refund"])
def test_the_api_key_is_no_argument_of_curl(folder: Path, tmp_path: Path, program: str) -> None:
    arguments = tmp_path / "arguments"
    recording = tmp_path / "curl"
    recording.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{arguments}\ncat >{arguments}.input\n')
    recording.chmod(0o755)
    subprocess.run(
        ["sh", f"{program}.sh", "one", "two"],
        cwd=folder,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "KASIR_API_KEY": "a-key"},
        check=True,
    )

    assert "a-key" not in arguments.read_text("utf-8")
    assert Path(f"{arguments}.input").read_text("utf-8") == "X-API-Key: a-key\n"


def sign(secret: str, at: str, payload: bytes) -> str:
    """The signature of event `evt_1`, by Standard Webhooks."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.digest(key, f"evt_1.{at}.".encode() + payload, "sha256")
    return f"v1,{base64.b64encode(signed).decode()}"


def status_of(url: str, payload: bytes, secret: str, at: str | None, signature: str = "") -> int:
    """Send an event that has this time and is signed correctly; returns the answer's status."""
    headers = {
        "webhook-id": "evt_1",
        "webhook-signature": signature or sign(secret, at or "", payload),
    }
    if at is not None:
        headers["webhook-timestamp"] = at
    return requests.post(url, data=payload, headers=headers, timeout=30).status_code


def disconnected(url: str) -> None:
    """Send a part of a body, and disconnect."""
    port = urlsplit(url).port
    with socket.create_connection(("127.0.0.1", port or 0)) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 100\r\n\r\n{")


async def delivered(url: str, payload: bytes, signing: list[str]) -> bool:
    """Deliver an event with Kasir's sender; whether the receiver accepted it."""
    async with EventSender(url, signing, 30, SystemClock()) as sender:
        return (await sender.send(StoredEvent("evt_1", payload))).is_taken


@contextmanager
def receiving(language: Language, folder: Path, secret: str, printed: Path) -> Iterator[str]:
    """Run a receiver, which must start; yields its URL. `printed` is the file with its output."""
    with maybe_receiving(language, folder, secret, printed) as url:
        assert url, printed.read_text("utf-8")
        yield url


@contextmanager
def maybe_receiving(language: Language, folder: Path, secret: str, printed: Path) -> Iterator[str]:
    """Run a receiver; yields its URL, or nothing if it ended at once."""
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "KASIR_EVENTS_SECRET": secret}
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
            yield f"http://127.0.0.1:{port}/" if is_listening(port, process) else ""
        finally:
            process.terminate()
            process.wait()


def is_listening(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Wait until a program listens on a port; false if it ended."""
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
    return False


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
