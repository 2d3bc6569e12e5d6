"""Traces by OpenTelemetry. Imported only if traces are on, because its packages are optional.

Spans are sent by a thread of their own, in batches. A collector that does not answer delays
nothing: spans that it does not take are dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from kasir.telemetry.traces import Kind, Span, Tracer

#: How long the last spans may take at the end of the process, in seconds.
_LAST_SPANS_S: Final = 2.0
_KINDS: Final[dict[Kind, SpanKind]] = {
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "consumer": SpanKind.CONSUMER,
}
_PROPAGATOR: Final = TraceContextTextMapPropagator()
_HEADER: Final = "traceparent"


class _OpenSpan:
    """A span of OpenTelemetry."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def rename(self, name: str) -> None:
        """Change its name."""
        self._span.update_name(name)

    def note(self, **attributes: str | int) -> None:
        """Add attributes; `__` in a name stands for a dot."""
        for name, value in attributes.items():
            self._span.set_attribute(name.replace("__", "."), value)

    def fail(self, why: str) -> None:
        """Mark it as failed, with the name of an error."""
        self._span.set_status(Status(StatusCode.ERROR, why))


class OpenTelemetryTracer:
    """Makes spans of OpenTelemetry."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("kasir")

    @contextmanager
    def span(self, name: str, kind: Kind, parent: str) -> Iterator[Span]:
        """Open a span; its parent is the `traceparent` given, or else the span that is open."""
        context: Context | None = _PROPAGATOR.extract({_HEADER: parent}) if parent else None
        # The text of an error may be personal or secret, so only its name is recorded.
        with self._tracer.start_as_current_span(
            name, context, _KINDS[kind], record_exception=False, set_status_on_exception=False
        ) as opened:
            span = _OpenSpan(opened)
            try:
                yield span
            except BaseException as error:
                span.fail(type(error).__name__)
                raise

    @contextmanager
    def continuing(self, parent: str) -> Iterator[None]:
        """Let the spans of a part of the work belong to a `traceparent`, until the context ends."""
        token = attach(_PROPAGATOR.extract({_HEADER: parent}))
        try:
            yield
        finally:
            detach(token)

    def traceparent(self) -> str:
        """Return the `traceparent` of the span that is open; empty without one."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return carrier.get(_HEADER, "")


def exporting(
    program: str, processor: SpanProcessor | None = None
) -> tuple[Tracer, Callable[[], None]]:
    """Make a tracer and what ends it.

    Args:
        program: What this process does; a part of the name of its service.
        processor: Takes the spans; None sends them to the address in the environment.
    """
    # `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` come before these.
    resource = Resource({"service.name": f"kasir-{program}"}).merge(_resource_of_environment())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter()))

    def stop() -> None:
        # In a thread, because a collector that does not answer would delay the end.
        ending = threading.Thread(target=provider.shutdown, daemon=True)
        ending.start()
        ending.join(_LAST_SPANS_S)

    return OpenTelemetryTracer(provider), stop


def _resource_of_environment() -> Resource:
    found = Resource.create()
    named = dict(found.attributes)
    if str(named.get("service.name", "")).startswith("unknown_service"):
        del named["service.name"]
    return Resource(named)
