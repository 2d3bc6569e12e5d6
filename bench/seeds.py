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
_DIGEST_BYTES: Final = 32
_POLL_S: Final = 0.05
_REFERENCE: Final = "seed-00000000000000000000000000"

#: Tables whose rows do not belong to a payment; they are not copied.
_NOT_OF_PAYMENTS: Final = ("migration", "api_key", "payment_link")

_TABLES: Final = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
      AND relname <> ALL ($1) AND relname NOT LIKE 'pgq%'
    ORDER BY relname
"""
_COLUMNS: Final = """
    SELECT attname AS name, format_type(atttypid, NULL) AS type
    FROM pg_attribute
    WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped
      AND attidentity = '' AND attgenerated = ''
    ORDER BY attnum
"""
_SOME: Final = """
    SELECT id, reference FROM payment WHERE reference <> $1 ORDER BY id OFFSET $2 LIMIT $3
"""
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
    """The names in the original's rows that a copy replaces by its own."""

    payment_id: str
    reference: str
    psp_reference: str


def grow(
    site: Site, dsn: str, kasir: Server, twin: Server, outcome: Outcome, payments: int
) -> None:
    """Create one payment and copy it `payments` times."""
    original = _paid(site, dsn, kasir, twin, outcome)
    asyncio.run(_copied(dsn, original, payments))


def some(dsn: str, size: int, skip: int = 0) -> list[Seeded]:
    """Return `size` of the copies after the first `skip`, in the order of their ids."""
    return asyncio.run(_some(dsn, size, skip))


async def _some(dsn: str, size: int, skip: int) -> list[Seeded]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(_SOME, _REFERENCE, skip, size)
    finally:
        await connection.close()
    return [Seeded(row["id"], row["reference"]) for row in rows]


def _paid(site: Site, dsn: str, kasir: Server, twin: Server, outcome: Outcome) -> _Original:
    """Pay once, as a shop and a shopper would."""
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
            payment = _settled(kasir, outcome)
    else:
        payment = _settled(kasir, outcome)
    _call("DELETE", f"{twin.url}/twin/webhooks/standard", None, tls)
    return _Original(payment["id"], _REFERENCE, payment.get("pspReference") or "")


def _settled(kasir: Server, outcome: Outcome) -> dict[str, Any]:
    deadline = time.monotonic() + _WITHIN_S
    payment: dict[str, Any] = {}
    while time.monotonic() < deadline:
        found = _call("GET", f"{kasir.url}/api/payments?reference={_REFERENCE}", None)
        payment = found["payments"][0]
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


async def _copied(dsn: str, original: _Original, payments: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        # The foreign keys of a copy are as valid as the original's, so the checks are skipped.
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(
            "CREATE TEMP TABLE seed (id text, reference text, psp_reference text)"
        )
        ids = SortableIds(iter(range(1_700_000_000_000, 10**15)).__next__)
        names = (ids.new("pay") for _ in range(payments))
        rows = ((name, f"seed-{name[4:]}", name[-16:]) for name in names)
        await connection.copy_records_to_table("seed", records=rows)
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
    """Copy a table's rows once for each seed; all rows belong to the original payment."""
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
    """The SQL of a copied column: the original's names are replaced by the copy's."""
    match kind:
        case "text":
            copied = _replaced(column)
            if is_unique:  # An id such as evt_... keeps its prefix and gets other letters.
                return (
                    f"CASE WHEN {copied} <> {column} THEN {copied} "
                    f"ELSE left({column}, 4) || substr(seed.id, 5) END"
                )
            return copied
        case "text[]":
            return f"ARRAY(SELECT {_replaced('word')} FROM unnest({column}) AS word)"
        case "bytea":  # A digest is made unique; an encrypted value is copied unchanged.
            return (
                f"CASE WHEN length({column}) = {_DIGEST_BYTES} "
                f"THEN sha256(convert_to(seed.id, 'UTF8')) ELSE {column} END"
            )
    return column


def _replaced(text: str) -> str:
    for name in ("id", "reference", "psp_reference"):
        text = f"replace({text}, old.{name}, seed.{name})"
    return text
