"""The operator's commands: their help, exit codes and errors in one line."""

from __future__ import annotations

import gc
import os
import re
import secrets
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import asyncpg
import pytest
from cyclopts import App

from command import KASIR, TWIN, environment, is_one_line, kasir
from fakes import KEY
from kasir.cli.main import app, main
from kasir.demo.processes import RunningDemo

#: The settings that a program with the real Adyen requires.
REQUIRED = {
    "ADYEN_API_KEY": "key",
    "ADYEN_MERCHANT_ACCOUNT": "WarungECOM",
    "ADYEN_HMAC_KEY": KEY,
    "KASIR_PUBLIC_URL": "https://pay.shop.example",
    "KASIR_SECRET_KEY": "a-secret-of-thirty-two-characters",
    "KASIR_DATABASE_URL": "postgresql://127.0.0.1:1/nobody",
}

# Cyclopts warns if a test passes no arguments; these tests set sys.argv as a shell does.
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")

RunCommand = Callable[[list[str], dict[str, str]], tuple[int, str, str]]


@pytest.fixture
def run_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunCommand:
    """A function that runs a command in this process; returns exit code, stdout and stderr."""

    def run(arguments: list[str], environ: dict[str, str]) -> tuple[int, str, str]:
        for name in list(os.environ):
            if name.startswith(("ADYEN_", "KASIR_")):
                monkeypatch.delenv(name)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["kasir", *arguments])
        with pytest.raises(SystemExit) as raised:
            main()
        printed = capsys.readouterr()
        return int(raised.value.code or 0), printed.out, printed.err

    return run


def commands(parent: App, *arguments: str) -> Iterator[tuple[str, ...]]:
    """The arguments that call each command: the parent's, and those of its subcommands."""
    yield arguments
    for name in parent:
        if not name.startswith("-"):
            yield from commands(parent[name], *arguments, name)


@pytest.mark.parametrize("arguments", list(commands(app)), ids=" ".join)
def test_every_command_has_a_help_text(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    app([*arguments, "--help"], exit_on_error=False, result_action="return_value")
    printed = capsys.readouterr()

    assert f"Usage: {' '.join(('kasir', *arguments))}" in printed.out
    assert printed.err == ""


def test_the_main_commands_exist() -> None:
    assert {("serve",), ("worker",), ("migrate",), ("apikey", "create"), ("demo",)} - set(
        commands(app)
    ) == set()


def test_help_needs_no_settings_and_exits_0() -> None:
    result = kasir("--help")

    assert (result.returncode, result.stderr) == (0, "")
    assert "migrate" in result.stdout


@pytest.mark.parametrize(
    "arguments", [("migrate",), ("notices", "--json"), ("deliveries", "--json")], ids=" ".join
)
async def test_a_closed_output_pipe_is_not_reported_as_a_database_error(
    fresh_database: str, arguments: tuple[str, ...]
) -> None:
    result = with_closed_output(arguments, {**TWIN, "KASIR_DATABASE_URL": fresh_database})

    assert result.returncode == 1
    assert "cannot be used" not in result.stderr
    assert "BrokenPipe" not in result.stderr
    assert "Traceback" not in result.stderr


def with_closed_output(
    arguments: tuple[str, ...], environ: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command while nothing reads its output."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return subprocess.run(
            [*KASIR, *arguments],
            env=environment(environ),
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=200,
            check=False,
        )
    finally:
        os.close(writing)


def test_the_version_is_printed() -> None:
    result = kasir("--version")

    assert (result.returncode, result.stderr) == (0, "")
    assert re.fullmatch(r"0\.1\.0 \(commit [0-9a-f]{40}(-dirty)?\)\n", result.stdout)


@pytest.mark.parametrize(
    ("arguments", "mentioned"),
    [
        (["nonsense"], "nonsense"),
        (["serve", "--port", "many"], "--port"),
        (["serve", "--port", "65536"], "--port"),
        (["serve", "--workers", "0"], "--workers"),
        (["serve", "--colour", "red"], "--colour"),
        (["serve", "extra"], "extra"),
        (["apikey", "create"], "name"),
        (["apikey", "withdraw"], "name"),
        (["apikey", "nonsense"], "nonsense"),
        (["demo", "--port", "70000"], "--port"),
        (["demo", "--twin-port", "-1"], "--twin-port"),
        (["migrate", "now"], "now"),
        (["notices", "replay", f"{2**63}"], "ids"),
        (["jobs", "retry", f"{2**63}"], "ids"),
        (["notices", "--most", f"{2**63}"], "--most"),
        (["apikey", "create", "caf\udce9"], "caf"),
        (["deliveries", "resend", "\udcff"], "utf-8"),
    ],
)
def test_wrong_usage_prints_one_line_and_exits_2(
    run_command: RunCommand, arguments: list[str], mentioned: str
) -> None:
    code, out, err = run_command(arguments, TWIN)

    assert (code, out) == (2, "")
    assert is_one_line(err), err
    assert mentioned in err.lower()


@pytest.mark.parametrize("arguments", [["serve"], ["worker"]])
def test_a_missing_setting_is_named_in_one_line_and_exits_1(
    run_command: RunCommand, arguments: list[str]
) -> None:
    environ = REQUIRED | {"ADYEN_API_KEY": ""}
    code, out, err = run_command(arguments, environ)

    assert (code, out) == (1, "")
    assert is_one_line(err), err
    assert err.startswith("kasir: ADYEN_API_KEY: ")


@pytest.mark.parametrize("arguments", [["serve"], ["worker"]])
def test_without_any_key_of_the_webhook_nothing_starts(
    run_command: RunCommand, arguments: list[str], fresh_database: str
) -> None:
    environ = REQUIRED | {"ADYEN_HMAC_KEY": "", "KASIR_DATABASE_URL": fresh_database}
    code, out, err = run_command(arguments, environ)

    assert (code, out) == (1, "")
    assert is_one_line(err), err
    assert err.startswith("kasir: ADYEN_HMAC_KEY: is not set; `kasir setup`")


def test_a_server_whose_database_goes_away_before_it_listens_exits_1(
    run_command: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def succeed() -> None:
        """Find the database available."""

    monkeypatch.setattr("kasir.cli.serve._preflight", succeed)
    thresholds = gc.get_threshold()  # `serve` changes them.
    code, out, err = run_command(["serve", "--port", "0"], REQUIRED)
    gc.set_threshold(*thresholds)

    assert code == 1
    assert "serve on http://127.0.0.1:" in out + err
    assert "Traceback" not in out + err


def test_a_real_process_exits_2_for_wrong_usage_and_1_for_a_missing_setting() -> None:
    wrong_usage = kasir("serve", "--port", "many")
    missing = kasir("worker")

    assert (wrong_usage.returncode, wrong_usage.stdout, is_one_line(wrong_usage.stderr)) == (
        2,
        "",
        True,
    )
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr.startswith(
        "kasir: ADYEN_API_KEY: is not set; Kasir cannot call Adyen without it. ADYEN_MERCHANT"
    )
    assert is_one_line(missing.stderr)


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"ADYEN_ENVIRONMENT": "production"}, "ADYEN_ENVIRONMENT"),
        ({"ADYEN_HMAC_KEY": "short"}, "ADYEN_HMAC_KEY"),
        ({"KASIR_PUBLIC_URL": "pay.shop.example"}, "KASIR_PUBLIC_URL"),
        ({"KASIR_WEBHOOK_USER": "adyen"}, "KASIR_WEBHOOK_PASSWORD"),
        ({"KASIR_DATABASE_URL": "mysql://x"}, "KASIR_DATABASE_URL"),
        ({"KASIR_DATABASE_URL": "postgresql://127.0.0.1:1/nobody"}, "KASIR_DATABASE_URL"),
        ({"KASIR_DATABASE_URL": "postgresql://127.0.0.1:port/nobody"}, "KASIR_DATABASE_URL"),
    ],
)
def test_a_malformed_setting_is_named_in_one_line(
    run_command: RunCommand, environ: dict[str, str], name: str
) -> None:
    code, out, err = run_command(["worker"], REQUIRED | environ)

    assert (code, out) == (1, "")
    assert is_one_line(err), err
    assert err.startswith(f"kasir: {name}: ")


async def test_migrate_brings_the_schema_up_to_date_and_then_has_nothing_to_do(
    empty_database: str,
) -> None:
    first = kasir("migrate", **TWIN, KASIR_DATABASE_URL=empty_database)
    again = kasir("migrate", **TWIN, KASIR_DATABASE_URL=empty_database)

    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith("0001_")
    assert (again.returncode, again.stdout, again.stderr) == (0, "up to date\n", "")


def status_with_key(url: str, key: str) -> int:
    request = urllib.request.Request(url, headers={"X-API-Key": key})
    with urllib.request.urlopen(request, timeout=10) as answer:
        status: int = answer.status
        return status


async def test_a_created_key_is_accepted_and_only_its_hash_is_stored(system: RunningDemo) -> None:
    name = f"shop-{secrets.token_hex(4)}"
    created = kasir("apikey", "create", name, **dict(system.environment))
    key = created.stdout.strip()
    status = status_with_key(f"{system.kasir_url}/api/payments?reference=nobody", key)
    connection = await asyncpg.connect(system.environment["KASIR_DATABASE_URL"])
    try:
        rows = await connection.fetch("SELECT * FROM api_key WHERE name = $1", name)
    finally:
        await connection.close()

    assert (created.returncode, created.stderr) == (0, "")
    assert is_one_line(created.stdout)
    assert status == 200
    assert len(rows) == 1
    assert key not in repr(rows)


def test_a_withdrawn_key_is_refused_and_its_name_can_be_used_again(system: RunningDemo) -> None:
    name = f"shop-{secrets.token_hex(4)}"
    environ = dict(system.environment)
    key = kasir("apikey", "create", name, **environ).stdout.strip()
    withdrawn, again = (kasir("apikey", "withdraw", name, **environ) for _ in range(2))
    created_again = kasir("apikey", "create", name, **environ)

    assert (withdrawn.returncode, withdrawn.stdout, withdrawn.stderr) == (
        0,
        f"{name} is withdrawn\n",
        "",
    )
    assert (again.returncode, again.stdout) == (1, "")
    assert is_one_line(again.stderr)
    assert name in again.stderr
    with pytest.raises(urllib.error.HTTPError, match="401"):
        status_with_key(f"{system.kasir_url}/api/payments?reference=nobody", key)
    assert created_again.returncode == 0
    assert created_again.stdout.strip() != key


def test_a_second_key_of_a_name_is_refused_in_one_line(system: RunningDemo) -> None:
    name = f"shop-{secrets.token_hex(4)}"
    environ = dict(system.environment)
    first, second = (kasir("apikey", "create", name, **environ) for _ in range(2))
    nameless = kasir("apikey", "create", "  ", **environ)

    assert [result.returncode for result in (first, second, nameless)] == [0, 1, 1]
    assert name in second.stderr
    assert is_one_line(second.stderr)
    assert is_one_line(nameless.stderr)
