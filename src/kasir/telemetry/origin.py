"""What caused some work, so that it can be stored with the work: with a job, or with an event."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kasir.telemetry import context, traces


@dataclass(frozen=True, slots=True)
class Origin:
    """What caused some work.

    Attributes:
        request_id: The id of the request; empty if no request caused it.
        traceparent: The position in a trace, in the format of W3C; empty without a trace.
    """

    request_id: str = ""
    traceparent: str = ""


def origin() -> Origin:
    """Return what causes the work that begins now."""
    return Origin(context.request_id(), traces.traceparent())


@contextmanager
def continuing(origin: Origin) -> Iterator[None]:
    """Name the request in log lines, and continue its trace, until the context ends."""
    with context.origin(origin.request_id), traces.continuing(origin.traceparent):
        yield
