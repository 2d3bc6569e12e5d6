"""`kasir desk user` adds, lists, changes and disables people; `kasir desk audit` lists acts."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from dataclasses import dataclass

import pytest

from command import TWIN, is_one_line
from kasir.cli.main import main
from postgres import ask
from two_accounts import SECOND, add_account, variables_of

# Cyclopts warns if a test passes no arguments; these tests set sys.argv as a shell does.
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")
PASSWORD = "a password from stdin"


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs commands in this process, on one database."""

    database: str
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
        """Run `kasir desk user`; returns the exit code, the output and the errors."""
        return self.desk("user", *arguments, stdin=stdin)

    def desk(self, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
        """Run `kasir desk`."""
        for name in list(os.environ):
            if name.startswith(("ADYEN_", "KASIR_")):
                self.monkeypatch.delenv(name)
        for name, text in {**TWIN, "KASIR_DATABASE_URL": self.database}.items():
            self.monkeypatch.setenv(name, text)
        self.monkeypatch.setattr(sys, "argv", ["kasir", "desk", *arguments])
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code = 0
        try:
            main()
        except SystemExit as exited:
            code = int(exited.code or 0)
        printed = self.capsys.readouterr()
        return code, printed.out, printed.err


@pytest.fixture
def shell(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    """A shell on a new database."""
    return Shell(fresh_database, monkeypatch, capsys)


def people(shell: Shell) -> list[dict[str, object]]:
    """The people, as `list --json` prints them."""
    listed: list[dict[str, object]] = json.loads(shell.run("list", "--json")[1])
    return listed


def test_a_person_is_added_with_a_made_password_that_is_printed_once(shell: Shell) -> None:
    code, password, _ = shell.run("add", "Sari", "--role", "admin")
    stored = ask(shell.database, "SELECT password FROM person")

    assert code == 0
    assert len(password.strip()) >= 20
    assert password.strip() not in str(stored)
    assert people(shell)[0]["name"] == "sari"
    assert people(shell)[0]["roles"] == {"TwinMerchant": "admin"}


def test_a_password_from_standard_input_is_not_printed(shell: Shell) -> None:
    code, out, _ = shell.run("add", "sari", "--role", "view", "--from-stdin", stdin=f"{PASSWORD}\n")

    assert (code, out) == (0, "sari may sign in\n")


def test_add_gives_a_known_person_another_role_and_no_password(shell: Shell) -> None:
    shell.run("add", "sari", "--role", "view")
    code, out, _ = shell.run("add", "sari", "--role", "act")

    assert (code, out) == (0, "sari is act in TwinMerchant now\n")
    assert people(shell)[0]["roles"] == {"TwinMerchant": "act"}


def test_a_person_is_disabled_enabled_and_loses_a_role(shell: Shell) -> None:
    shell.run("add", "sari", "--role", "view")
    disabled = shell.run("disable", "sari")
    states = [people(shell)[0]["isActive"]]
    shell.run("enable", "sari")
    states.append(people(shell)[0]["isActive"])
    removed = shell.run("remove", "sari")

    assert disabled[:2] == (0, "sari is disabled and signed out\n")
    assert states == [False, True]
    assert removed[:2] == (0, "sari has no role in TwinMerchant now\n")
    assert shell.run("list")[1] == "sari                     active    password only\n1 people\n"


def test_a_new_password_removes_the_second_factor_if_asked(shell: Shell) -> None:
    shell.run("add", "sari", "--role", "view")
    ask(shell.database, "UPDATE person SET totp = 'sealed' RETURNING name")
    shell.run("password", "sari")
    kept = people(shell)[0]["hasSecondFactor"]
    code, password, _ = shell.run("password", "sari", "--without-second-factor")

    assert kept is True
    assert code == 0
    assert len(password.strip()) >= 20
    assert people(shell)[0]["hasSecondFactor"] is False


@pytest.mark.parametrize(
    ("arguments", "stdin", "named"),
    [
        (("add", "sa ri", "--role", "view"), "", "name"),
        (("add", "sari", "--role", "view", "--from-stdin"), "short\n", "password"),
        (("add", "sari", "--role", "view", "--account", "Nowhere"), "", "--account"),
        (("disable", "nobody"), "", "nobody"),
        (("password", "nobody"), "", "nobody"),
        (("remove", "nobody"), "", "nobody"),
    ],
)
def test_a_wrong_argument_is_named_in_one_line(
    shell: Shell, arguments: tuple[str, ...], stdin: str, named: str
) -> None:
    code, out, error = shell.run(*arguments, stdin=stdin)

    assert (code, out) == (1, "")
    assert is_one_line(error)
    assert named in error
    assert ask(shell.database, "SELECT count(*) FROM person") == 0


def test_a_role_that_does_not_exist_is_a_wrong_call(shell: Shell) -> None:
    code, _, error = shell.run("add", "sari", "--role", "owner")

    assert code == 2
    assert is_one_line(error)


def test_a_role_that_the_person_has_not_is_named(shell: Shell) -> None:
    shell.run("add", "sari", "--role", "view")
    shell.run("remove", "sari")
    code, _, error = shell.run("remove", "sari")

    assert code == 1
    assert "sari has no role in TwinMerchant" in error


def test_each_change_is_in_the_audit_log(shell: Shell) -> None:
    shell.run("add", "sari", "--role", "view")
    shell.run("add", "sari", "--role", "act")
    shell.run("disable", "sari")
    shell.run("enable", "sari")
    shell.run("password", "sari")
    shell.run("remove", "sari")
    acts = ask(
        shell.database,
        "SELECT string_agg(act || ' ' || person || ' ' || outcome, ', ' ORDER BY id) FROM audit",
    )

    assert acts == ", ".join(
        f"person.{act} (command line) done"
        for act in ("add", "set_role", "disable", "enable", "reset_password", "remove_role")
    )


_ACTS = """
INSERT INTO audit (at, is_about_people, account, person, address, act, subject, reason, before)
VALUES ('2026-11-26T05:00:00Z', false, 'TwinMerchant', 'sari', '', 'payment.refund', 'pay_1',
        'one cup' || chr(10) || 'was cold', '{"refunded": 0}'),
       ('2026-11-26T06:00:00Z', false, 'TwinMerchant', 'budi', '', 'api_key.add', 'till', 'new',
        '{}')
RETURNING id
"""


def test_the_acts_of_an_account_are_listed_newest_first(shell: Shell) -> None:
    shell.run("add", "sari", "--role", "act")
    ask(shell.database, _ACTS)
    code, out, _ = shell.desk("audit")
    rows = json.loads(shell.desk("audit", "--json")[1])
    newest = json.loads(shell.desk("audit", "--json", "--most", "1")[1])

    assert code == 0
    assert out.splitlines()[0].endswith('till  started  "new"')
    assert out.splitlines()[1].endswith('pay_1  started  "one cup\\nwas cold"')
    assert out.splitlines()[2:] == ["2 acts"]
    assert [row["person"] for row in rows] == ["budi", "sari"]
    assert rows[1]["before"] == {"refunded": 0}
    assert newest == rows[:1]


def test_acts_on_people_are_listed_apart(shell: Shell) -> None:
    shell.run("add", "sari", "--role", "act")
    (row,) = json.loads(shell.desk("audit", "--people", "--json")[1])

    assert (row["act"], row["subject"], row["outcome"]) == ("person.add", "sari", "done")
    assert row["after"] == {"role": "act"}


async def test_the_acts_of_each_account_are_its_own(shell: Shell) -> None:
    await add_account(shell.database, SECOND, variables_of(SECOND))
    await asyncio.to_thread(ask, shell.database, _ACTS)
    second = await asyncio.to_thread(shell.desk, "audit", "--account", SECOND)
    nowhere = await asyncio.to_thread(shell.desk, "audit", "--account", "Nowhere")

    assert second[:2] == (0, "0 acts\n")
    assert nowhere[0] == 1
    assert "--account" in nowhere[2]
