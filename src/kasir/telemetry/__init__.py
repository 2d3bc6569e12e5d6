"""What an operator sees of a running Kasir: log lines, metrics, traces (docs/observability.md).

Read in this order:
- `context`: the ids of the work at hand, which log lines, metrics and jobs take from it.
- `metrics`, `traces`: called where a request, a job, a call to Adyen or a delivery begins and ends.
- `origin`: what caused some work, as it is stored with a job or an event.
- `logs`: used only by commands, because a library leaves logging to its application.
- `otel`: OpenTelemetry; imported only if traces are on.

Imports nothing of Kasir but its errors.
"""
