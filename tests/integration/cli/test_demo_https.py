"""The authority of `kasir demo --https`: its files, and that each kind of client trusts it so."""

from __future__ import annotations

import os
import shutil
import ssl
import stat
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509

from command import environment
from kasir.demo.authority import Authority, authority_in
from kasir.demo.client import JourneyClient
from kasir.demo.doctor_check import doctor
from kasir.demo.processes import RunningDemo, free_port, running_demo
from kasir.demo.saved import by_subscription

NOW = datetime.now(UTC)
PATIENCE_S = 120


def contents(authority: Authority) -> list[bytes]:
    """The contents of the three files."""
    files = (authority.certificate, authority.server, authority.server_key)
    return [path.read_bytes() for path in files]


def test_the_files_are_made_once_and_only_the_owner_may_read_the_key(tmp_path: Path) -> None:
    first = contents(authority_in(tmp_path, NOW))
    authority = authority_in(tmp_path, NOW + timedelta(days=70))

    assert contents(authority) == first
    assert stat.S_IMODE(authority.server_key.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "authority.pem",
        "server-key.pem",
        "server.pem",
    ]


def test_an_authority_near_its_end_is_made_anew(tmp_path: Path) -> None:
    first = contents(authority_in(tmp_path, NOW))
    second = contents(authority_in(tmp_path, NOW + timedelta(days=80)))

    assert all(new != old for new, old in zip(second, first, strict=True))


@pytest.mark.parametrize("name", ["authority.pem", "server.pem", "server-key.pem"])
@pytest.mark.parametrize("content", [None, "damaged", "another's"])
def test_files_that_do_not_belong_together_are_made_anew(
    tmp_path: Path, name: str, content: str | None
) -> None:
    first = contents(authority_in(tmp_path, NOW))
    path = tmp_path / name
    if content == "another's":
        other = tmp_path / "other"
        other.mkdir()
        authority_in(other, NOW)
        shutil.copy(other / name, path)
    elif content is None:
        path.unlink()
    else:
        path.write_text(content)
    authority = authority_in(tmp_path, NOW)

    assert all(new != old for new, old in zip(contents(authority), first, strict=True))
    assert stat.S_IMODE(authority.server_key.stat().st_mode) == 0o600


def test_a_key_that_others_may_read_is_made_anew(tmp_path: Path) -> None:
    authority = authority_in(tmp_path, NOW)
    first = contents(authority)
    authority.server_key.chmod(0o640)
    second = contents(authority_in(tmp_path, NOW))

    assert all(new != old for new, old in zip(second, first, strict=True))
    assert stat.S_IMODE(authority.server_key.stat().st_mode) == 0o600


def test_the_authority_is_for_this_machine_only_and_its_key_is_nowhere(tmp_path: Path) -> None:
    authority = authority_in(tmp_path, NOW)
    certificate = x509.load_pem_x509_certificate(authority.certificate.read_bytes())
    constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    keys = [path.name for path in tmp_path.iterdir() if b"PRIVATE KEY" in path.read_bytes()]

    assert constraints.critical
    assert [str(name.value) for name in constraints.value.permitted_subtrees or ()] == [
        "localhost",
        "127.0.0.0/8",
        "::1/128",
    ]
    assert lifetime < timedelta(days=91)
    assert keys == ["server-key.pem"]


@pytest.fixture(scope="module")
def demo() -> Iterator[RunningDemo]:
    """A demo over HTTPS, in a folder that PostgreSQL's account may enter."""
    folder = Path(tempfile.mkdtemp(prefix="kasir-test-https-"))
    with running_demo(
        port=free_port(),
        twin_port=free_port(),
        shop_port=free_port(),
        data=folder,
        https=True,
        given=environment({}),
    ) as running:
        yield running
    shutil.rmtree(folder)


@pytest.mark.long
async def test_a_demo_over_https_takes_a_payment_and_the_doctor_finds_nothing(
    demo: RunningDemo,
) -> None:
    assert demo.kasir_url.startswith("https://")
    assert demo.twin_url.startswith("https://")
    connector = aiohttp.TCPConnector(ssl=demo.tls or True)
    async with aiohttp.ClientSession(connector=connector) as http:
        client = JourneyClient(demo, http)
        # The twin's webhooks of both kinds reach Kasir, so it trusts the certificate too.
        await by_subscription(client)
        await doctor(client)


@pytest.mark.long
def test_the_shop_of_a_demo_over_https_calls_kasir(demo: RunningDemo) -> None:
    order = urllib.request.Request(f"{demo.shop_url}/checkout", data=b"gayo=1&way=link")
    with urllib.request.urlopen(order, timeout=30, context=demo.tls) as form:
        page = form.read().decode()

    assert form.url.startswith(f"{demo.kasir_url}/pay/")
    assert "GoPay" in page


class Answer(BaseHTTPRequestHandler):
    """Answers every request with `trusted`."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("Content-Length", "7")
        self.end_headers()
        self.wfile.write(b"trusted")

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority in a folder whose name a shell would split."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    return authority_in(folder, NOW)


@pytest.fixture
def url(authority: Authority) -> Iterator[str]:
    """The address of a server with this authority's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server, authority.server_key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


NODE = """\
fetch("{url}").then((reply) => reply.text()).then(console.log).catch(() => {{
  process.exitCode = 1;
}});
"""
PYTHON = """\
import requests, urllib.request
requests.get("{url}", timeout=30).raise_for_status()
print(urllib.request.urlopen("{url}", timeout=30).read().decode())
"""
PHP = """\
<?php
$curl = curl_init("{url}");
curl_setopt($curl, CURLOPT_RETURNTRANSFER, true);
$reply = curl_exec($curl);
echo $reply;
exit($reply && file_get_contents("{url}") ? 0 : 1);
"""
JAVA = """\
public class Shop {{
    public static void main(String[] arguments) throws Exception {{
        var reply = new java.net.URL("{url}").openStream().readAllBytes();
        System.out.println(new String(reply));
    }}
}}
"""
#: By client, its program: the name of the file and its text; curl needs none.
PROGRAMS = {
    "Node": ("shop.js", NODE),
    "Python": ("shop.py", PYTHON),
    "PHP": ("shop.php", PHP),
    "Java": ("Shop.java", JAVA),
    "curl": ("", ""),
}
#: What each client needs on the machine: a command that succeeds if it is there.
NEEDED = {
    "Node": "node --version",
    "Python": "python --version",
    "PHP": """php -r 'exit(extension_loaded("curl") && extension_loaded("openssl") ? 0 : 1);'""",
    "Java": "keytool -help && javac -version",
    "curl": "curl --version",
}


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a shell; its `python` is the one of the tests, which has requests."""
    return subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.mark.parametrize(
    "client",
    [pytest.param(name, marks=pytest.mark.long if name == "Java" else ()) for name in PROGRAMS],
)
def test_a_client_trusts_the_demo_as_the_demo_prints_it_and_not_without(
    authority: Authority, url: str, client: str, tmp_path: Path
) -> None:
    if run(NEEDED[client], tmp_path).returncode != 0:
        pytest.skip(f"not installed here: {NEEDED[client]}")
    name, program = PROGRAMS[client]
    if name:
        (tmp_path / name).write_text(program.format(url=url))
    command = authority.trust()[client]
    untrusting = {
        "Node": "node shop.js",
        "Python": "python shop.py",
        "PHP": "php shop.php",
        "Java": "java Shop.java",
        "curl": f"curl {url}",
    }[client]
    trusted = run(f"{command} {url if client == 'curl' else ''}", tmp_path)
    refused = run(untrusting, tmp_path)

    assert (trusted.returncode, "trusted" in trusted.stdout) == (0, True), trusted.stderr
    assert (refused.returncode != 0, "trusted" in refused.stdout) == (True, False)
