"""Fills a database with copies of one payment, which the real programs created.

The rows that the real payment created are copied table by table, so that a change of the schema
needs no change here. Every copy has its own ids, references and keys.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
import urllib.request
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import asyncpg
from bench import messages
from bench.site import API_KEY, HMAC_KEY, Server, Site, SiteError

from kasir.ids import SortableIds

_WITHIN_S: Final = 30
#: The length of a SHA-256 digest.
_DIGEST_BYTES: Final = 32
_POLL_S: Final = 0.05
#: The reference of the original payment.
_REFERENCE: Final = "seed-00000000000000000000000000"

#: Tables whose rows do not belong to a payment; they are not copied.
_NOT_OF_PAYMENTS: Final = ("migration", "api_key", "payment_link")

#: The tables to copy: without $1, the job queue's tables and single partitions.
_TABLES: Final = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
      AND relname <> ALL ($1) AND relname NOT LIKE 'pgq%'
    ORDER BY relname
"""
#: The columns of table $1 that a row is inserted with, and their types.
_COLUMNS: Final = """
    SELECT attname AS name, format_type(atttypid, NULL) AS type
    FROM pg_attribute
    WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped
      AND attidentity = '' AND attgenerated = ''
    ORDER BY attnum
"""
#: Copies, in order; $1 is the original's reference.
_SOME: Final = """
    SELECT id, reference FROM payment WHERE reference <> $1 ORDER BY id OFFSET $2 LIMIT $3
"""
#: The columns of table $1 that are unique without another column.
_UNIQUE_COLUMNS: Final = """
    SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
    WHERE indrelid = $1::regclass AND indisunique AND indnkeyatts = 1
"""


class Outcome(Enum):
    """The outcome of the payment that is copied."""

    #: The shopper is at the wallet.
    AWAITING = "awaiting_shopper"
    #: Paid, and its notification read.
    PAID = "authorised"


@dataclass(frozen=True, slots=True)
class Seeded:
    """A payment that was copied."""

    id: str
    reference: str


@dataclass(frozen=True, slots=True)
class _Original:
    """The ids and references in the original's rows that a copy replaces by its own."""

    payment_id: str
    reference: str
    psp_reference: str


def grow(
    site: Site, dsn: str, kasir: Server, twin: Server, outcome: Outcome, payments: int
) -> None:
    """Create one payment and copy it `payments` times."""
    original = _create_original(site, dsn, kasir, twin, outcome)
    asyncio.run(_copy(dsn, original, payments))


def some(dsn: str, size: int, skip: int = 0) -> list[Seeded]:
    """Return `size` of the copies after the first `skip`, in the order of their ids."""
    return asyncio.run(_some(dsn, size, skip))


async def _some(dsn: str, size: int, skip: int) -> list[Seeded]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(_SOME, _REFERENCE, skip, size)
    finally:
        await connection.close()
    return [Seeded(id=row["id"], reference=row["reference"]) for row in rows]


def _create_original(
    site: Site, dsn: str, kasir: Server, twin: Server, outcome: Outcome
) -> _Original:
    """Create the original payment over HTTP; for `PAID`, the shopper approves it."""
    tls = site.tls()
    hook = {"url": f"{kasir.url}/webhooks/adyen", "hmacKey": HMAC_KEY}
    _call("PUT", f"{twin.url}/twin/webhooks/standard", hook, tls)
    answer = _call(
        "POST", f"{kasir.url}/v72/payments", messages.payment(_REFERENCE), key=_REFERENCE
    )
    if outcome is Outcome.PAID:
        approval = {"url": answer["action"]["url"], "do": "approve"}
        _call("POST", f"{twin.url}/twin/wallet", approval, tls)
        with site.program("worker", site.kasir_command("worker"), site.settings(dsn, twin.url)):
            payment = _wait_for_outcome(kasir, outcome)
    else:
        payment = _wait_for_outcome(kasir, outcome)
    _call("DELETE", f"{twin.url}/twin/webhooks/standard", None, tls)
    return _Original(
        payment_id=payment["id"],
        reference=_REFERENCE,
        psp_reference=payment.get("pspReference") or "",
    )


def _wait_for_outcome(kasir: Server, outcome: Outcome) -> dict[str, Any]:
    """Wait until the original payment has this outcome; return the payment."""
    deadline = time.monotonic() + _WITHIN_S
    payment: dict[str, Any] = {}
    while time.monotonic() < deadline:
        answer = _call("GET", f"{kasir.url}/api/payments?reference={_REFERENCE}", None)
        payment = answer["payments"][0]
        if payment["status"] == outcome.value:
            return payment
        time.sleep(_POLL_S)
    raise SiteError(f"the payment to copy is {payment.get('status')}, not {outcome.value}")


def _call(
    method: str, url: str, body: Any, tls: ssl.SSLContext | None = None, *, key: str = ""
) -> Any:
    headers = {"Content-Type": "application/json", "X-API-Key": API_KEY}
    if key:
        headers["Idempotency-Key"] = key
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=_WITHIN_S, context=tls) as response:
        return json.loads(response.read() or b"null")


async def _copy(dsn: str, original: _Original, payments: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        # The foreign keys of a copy are as valid as the original's, so the checks are skipped.
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(
            "CREATE TEMP TABLE seed (id text, reference text, psp_reference text)"
        )
        # The milliseconds that ids begin with are counted, so that each copy has another one.
        ids = SortableIds(iter(range(1_700_000_000_000, 10**15)).__next__)
        new_ids = (ids.new("pay") for _ in range(payments))
        # A copy's references are made from its id, without the prefix `pay_`.
        rows = ((new_id, f"seed-{new_id[4:]}", new_id[-16:]) for new_id in new_ids)
        await connection.copy_records_to_table("seed", records=rows)
        # The table `old` has one row, with what a copy replaces by the values in its row of `seed`.
        await connection.execute("CREATE TEMP TABLE old (LIKE seed)")
        await connection.execute(
            "INSERT INTO old VALUES ($1, $2, $3)",
            original.payment_id,
            original.reference,
            original.psp_reference or "-",
        )
        tables = [row[0] for row in await connection.fetch(_TABLES, _NOT_OF_PAYMENTS)]
        for table in tables:
            await _copy_table(connection, table)
        await connection.execute("DROP TABLE seed, old")
        await connection.execute("VACUUM (ANALYZE)")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def _copy_table(connection: Any, table: str) -> None:
    """Copy all rows of a table once for each row of `seed`; they belong to the original payment."""
    columns = await connection.fetch(_COLUMNS, table)
    unique = {row[0] for row in await connection.fetch(_UNIQUE_COLUMNS, table)}
    names = ", ".join(f'"{column["name"]}"' for column in columns)
    values = ", ".join(
        _copied_value(f'original."{column["name"]}"', column["type"], column["name"] in unique)
        for column in columns
    )
    await connection.execute(
        f"CREATE TEMP TABLE original AS SELECT * FROM {table}"  # The name comes from the catalogue.
    )
    await connection.execute(
        f"INSERT INTO {table} ({names}) SELECT {values} FROM original, seed, old"
    )
    await connection.execute("DROP TABLE original")


def _copied_value(column: str, kind: str, is_unique: bool) -> str:
    """The SQL of a column's copy, with the copy's ids and references for the original's."""
    match kind:
        case "text":
            copied = _with_names_replaced(column)
            if is_unique:  # An id such as evt_... keeps its prefix and gets other letters.
                return (
                    f"CASE WHEN {copied} <> {column} THEN {copied} "
                    f"ELSE left({column}, 4) || substr(seed.id, 5) END"
                )
            return copied
        case "text[]":
            return f"ARRAY(SELECT {_with_names_replaced('word')} FROM unnest({column}) AS word)"
        case "bytea":  # A digest is made unique; an encrypted value is copied unchanged.
            return (
                f"CASE WHEN length({column}) = {_DIGEST_BYTES} "
                f"THEN sha256(convert_to(seed.id, 'UTF8')) ELSE {column} END"
            )
    return column


def _with_names_replaced(text: str) -> str:
    """The SQL that replaces the original's ids and references in a text."""
    for name in ("id", "reference", "psp_reference"):
        text = f"replace({text}, old.{name}, seed.{name})"
    return text
