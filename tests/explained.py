"""Records the statements that Kasir sends to PostgreSQL, and explains them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import pytest

from kasir.store.database import Connection
from kasir.store.limited import LimitedConnection
from lock_witness import statements

_SENDERS: Final = ("fetch", "fetchrow", "fetchval")
#: PostgreSQL reads a table with so few rows as a whole, because that is faster.
_FEW: Final = 500
_EXPLAIN: Final = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON)"

_CHANGE: Final = re.compile(r"\b(INSERT|UPDATE|DELETE|FOR UPDATE|pg_advisory\w*)\b")

_Sender = Callable[..., Coroutine[Any, Any, Any]]


@dataclass(frozen=True, slots=True)
class Sent:
    """A statement that was sent: its name or its first words, its text and its parameters."""

    name: str
    text: str
    parameters: tuple[object, ...]

    @property
    def is_writing(self) -> bool:
        """Whether it changes rows, and so cannot be repeated."""
        return bool(_CHANGE.search(self.text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What PostgreSQL did for a statement.

    Attributes:
        scanned: The tables that were read from beginning to end, but for those with few rows.
        sorted_rows: The most rows that were sorted at once.
        skipped_rows: The most rows that one node of the plan read without need.
        buffers: How many pages of tables and indexes were read, in memory or not.
        text: The nodes of the plan, one a line.
    """

    scanned: frozenset[str]
    sorted_rows: int
    skipped_rows: int
    buffers: int
    text: str


@contextmanager
def recorded_statements() -> Iterator[list[Sent]]:
    """Record the queries of every connection of this process, but no plain commands."""
    names, sent = statements(), list[Sent]()

    def recording(send: _Sender) -> _Sender:
        async def run(connection: Any, query: str, *args: Any, **more: Any) -> Any:
            name = names.get(query.strip()) or " ".join(query.split())[:60]
            sent.append(Sent(name, query, args))
            return await send(connection, query, *args, **more)

        return run

    with pytest.MonkeyPatch.context() as patch:
        for name in _SENDERS:
            patch.setattr(LimitedConnection, name, recording(getattr(LimitedConnection, name)))
        yield sent


async def explain(connection: Connection, sent: Sent) -> Plan:
    """Run a query once more, and return what PostgreSQL did for it."""
    text = await connection.fetchval(f"{_EXPLAIN} {sent.text}", *sent.parameters)
    root = json.loads(text)[0]["Plan"]
    nodes = [*_nodes(root)]
    return Plan(
        scanned=frozenset(node["Relation Name"] for node in nodes if _scans_many(node)),
        sorted_rows=max((_rows_of(n["Plans"][0]) for n in nodes if _is_sort(n)), default=0),
        skipped_rows=max((_skipped(n) for n in nodes), default=0),
        buffers=root["Shared Hit Blocks"] + root["Shared Read Blocks"],
        text="\n".join(_line(node) for node in nodes),
    )


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)


def _scans_many(node: Mapping[str, Any]) -> bool:
    return node["Node Type"] == "Seq Scan" and _rows_of(node) + _skipped(node) > _FEW


def _is_sort(node: Mapping[str, Any]) -> bool:
    return node["Node Type"] in {"Sort", "Incremental Sort"}


def _rows_of(node: Mapping[str, Any]) -> int:
    return round(float(node["Actual Rows"]) * int(node["Actual Loops"]))


def _skipped(node: Mapping[str, Any]) -> int:
    return round(float(node.get("Rows Removed by Filter", 0)) * int(node["Actual Loops"]))


def _line(node: Mapping[str, Any]) -> str:
    of = node.get("Index Name") or node.get("Relation Name") or ""
    parts = (node["Node Type"], of, f"rows {_rows_of(node)}", f"skipped {_skipped(node)}")
    return " ".join(part for part in parts if part)
