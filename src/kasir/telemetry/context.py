"""The ids of the work at hand: its request, job, payment and account.

They are context variables of structlog, so that its `merge_contextvars` adds them to each log line,
also in an application that uses Kasir as a library. An id ends with the request or job that set it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Final

from structlog.contextvars import bind_contextvars, reset_contextvars

#: What a request's id may be, so that it can be logged, stored and returned. Others are replaced.
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
#: How the id of a payment begins.
_PAYMENT: Final = "pay_"
#: structlog shows no variable that has this value.
_HIDDEN: Final = ...

#: The account of the database that the work is for; empty for the environment's account.
_account: ContextVar[str] = ContextVar("kasir_account", default="")
#: The id of the request that caused the work; empty if none did.
_request_id: ContextVar[str] = ContextVar("kasir_request_id", default="")
#: Whether a request or a job has begun, at whose end all ids end.
_is_bounded: ContextVar[bool] = ContextVar("kasir_is_bounded", default=False)


def request_id_of(header: bytes | None) -> str:
    """Return the id that a request brings in its header, or a new one if it is not usable."""
    if header and _REQUEST_ID.fullmatch(header):
        return header.decode()
    return f"req_{secrets.token_hex(12)}"


def account() -> str:
    """Return the account of the database that the work is for; empty for the environment's."""
    return _account.get()


def request_id() -> str:
    """Return the id of the request that caused the work; empty if none did."""
    return _request_id.get()


def bind_account(name: str) -> None:
    """Name the account of the database that this task works for."""
    _account.set(name)
    bind_contextvars(account=name)


@contextmanager
def request(request_id: str) -> Iterator[None]:
    """Name the request in all log lines until the context ends."""
    before = _account.set("")
    try:
        with _work(request_id, account=_HIDDEN):
            yield
    finally:
        _account.reset(before)


@contextmanager
def job(kind: str, job_id: int, request_id: str) -> Iterator[None]:
    """Name the job, and the request that caused it, in all log lines until the context ends."""
    with _work(request_id, job=kind, job_id=job_id):
        yield


@contextmanager
def origin(request_id: str) -> Iterator[None]:
    """Name the request that caused a part of the work until the context ends."""
    with _work(request_id):
        yield


@contextmanager
def payment(payment_id: str) -> Iterator[None]:
    """Name the payment in log lines.

    In a request or a job it stays named until the request or job ends, so that the line about an
    error that ends it names the payment too.
    """
    before = bind_contextvars(payment=payment_id)
    try:
        yield
    finally:
        if not _is_bounded.get():
            reset_contextvars(**before)


def subject(name: str) -> AbstractContextManager[None]:
    """Name the subject of an event in log lines, if it is a payment."""
    return payment(name) if name.startswith(_PAYMENT) else nullcontext()


@contextmanager
def _work(request_id: str, **ids: object) -> Iterator[None]:
    bounded, requested = _is_bounded.set(True), _request_id.set(request_id)
    shown: Mapping[str, object] = {"request": request_id or _HIDDEN, "payment": _HIDDEN, **ids}
    before = bind_contextvars(**shown)
    try:
        yield
    finally:
        reset_contextvars(**before)
        _request_id.reset(requested)
        _is_bounded.reset(bounded)
