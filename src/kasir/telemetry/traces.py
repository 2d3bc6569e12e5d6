"""Traces: a span for each request, job, call to Adyen and delivery. Off unless `start` was called.

While traces are off, nothing of OpenTelemetry is imported, and a span costs a function call.
A trace goes on in a job or an event by its `traceparent`, which is stored with it. It is sent
neither to Adyen nor to shops.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Literal, Protocol

from kasir.errors import SettingError

Kind = Literal["server", "client", "consumer"]

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL: Final = "http/protobuf"


class Span(Protocol):
    """A span that is open."""

    def rename(self, name: str) -> None:
        """Change its name."""

    def note(self, **attributes: str | int) -> None:
        """Add attributes; `__` in a name stands for a dot."""

    def fail(self, why: str) -> None:
        """Mark it as failed, with the name of an error."""


class Tracer(Protocol):
    """Makes spans; `telemetry.otel` has the only one."""

    def span(self, name: str, kind: Kind, parent: str) -> AbstractContextManager[Span]:
        """Open a span; its parent is the `traceparent` given, or else the span that is open."""

    def continuing(self, parent: str) -> AbstractContextManager[None]:
        """Let the spans of a part of the work belong to a `traceparent`, until the context ends."""

    def traceparent(self) -> str:
        """Return the `traceparent` of the span that is open; empty without one."""


class _NoSpan:
    """What `span` returns while traces are off."""

    def rename(self, name: str) -> None:
        """Do nothing."""

    def note(self, **attributes: str | int) -> None:
        """Do nothing."""

    def fail(self, why: str) -> None:
        """Do nothing."""


_NO_SPAN: Final[AbstractContextManager[Span]] = nullcontext(_NoSpan())
_NOTHING: Final[AbstractContextManager[None]] = nullcontext()


class _Traces:
    """The tracer of this process; None while traces are off."""

    tracer: Tracer | None = None


def span(name: str, kind: Kind, parent: str = "") -> AbstractContextManager[Span]:
    """Open a span, if traces are on; see `Tracer.span`."""
    tracer = _Traces.tracer
    return _NO_SPAN if tracer is None else tracer.span(name, kind, parent)


def continuing(parent: str) -> AbstractContextManager[None]:
    """Let the spans of a part of the work belong to a `traceparent`, if traces are on."""
    tracer = _Traces.tracer
    return _NOTHING if tracer is None or not parent else tracer.continuing(parent)


def traceparent() -> str:
    """Return the `traceparent` of the span that is open; empty while traces are off."""
    tracer = _Traces.tracer
    return "" if tracer is None else tracer.traceparent()


def use(tracer: Tracer | None) -> None:
    """Turn traces on with this tracer, or off."""
    _Traces.tracer = tracer


def are_wanted(environ: Mapping[str, str]) -> bool:
    """Return whether the environment names an address for traces.

    Raises:
        SettingError: Traces are wanted and cannot be sent as the environment says.
    """
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if environ.get("OTEL_TRACES_EXPORTER", "otlp") == "none":
        return False
    endpoint = next((name for name in _ENDPOINTS if environ.get(name)), None)
    if endpoint is None:
        return False
    for name in _PROTOCOLS:
        if environ.get(name, _PROTOCOL) != _PROTOCOL:
            raise SettingError(name, f"traces are sent by {_PROTOCOL} only; leave it unset")
    try:
        import kasir.telemetry.otel  # noqa: F401
    except ModuleNotFoundError as error:
        cure = "traces need the packages of kasir[otel]; install them or leave this unset"
        raise SettingError(endpoint, cure) from error
    return True


def start(environ: Mapping[str, str], program: str) -> Callable[[], None]:
    """Turn traces on if the environment names an address for them.

    Args:
        environ: The variables of the OpenTelemetry specification, `OTEL_...`.
        program: What this process does, such as `worker`.

    Returns:
        What stops them: it sends what is left, for a limited time.

    Raises:
        SettingError: Traces are wanted and cannot be sent as the environment says.
    """
    if not are_wanted(environ):
        return lambda: None
    from kasir.telemetry.otel import exporting

    tracer, stop = exporting(program)
    use(tracer)

    def stop_all() -> None:
        use(None)
        stop()

    return stop_all
