"""The controls of Adyen's reports: their settings, their list, and the close of a batch."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import delete, get, post, put

from adyen_twin.controls.requests import ControlError, read
from adyen_twin.core.books import Report
from adyen_twin.core.clock import format_utc
from adyen_twin.core.report_settings import ReportSettings
from adyen_twin.core.twin import Twin
from adyen_twin.http_types import HttpRequest, HttpResponse, as_json
from adyen_twin.settlement import closing


@get("/reports")
async def get_reports(request: HttpRequest) -> HttpResponse:
    """Report the settings, and list the reports, oldest first."""
    twin = request.twin
    return as_json({"settings": twin.report_settings, "reports": _list(twin, twin.state.reports)})


@put("/reports")
async def put_reports(request: HttpRequest) -> HttpResponse:
    """Set the given settings; the others do not change."""
    changes = read(await request.body(), dict[str, Any])
    values = msgspec.to_builtins(request.twin.report_settings) | changes
    settings = read(msgspec.json.encode(values), ReportSettings)
    for name in settings.missing_columns:
        if name not in closing.COLUMNS:
            raise ControlError(422, f"no report has a column {name!r}", "missingColumns")
    return _use(request, settings)


@delete("/reports", status_code=200)
async def delete_reports(request: HttpRequest) -> HttpResponse:
    """Reset every setting; the reports stay."""
    return _use(request, ReportSettings())


@post("/reports/close", status_code=200)
async def post_close(request: HttpRequest) -> HttpResponse:
    """Close the batch of every account now; list its reports."""
    request.twin.reports_url = request.public_url
    return as_json({"reports": _list(request.twin, closing.close(request.twin))})


HANDLERS: Final = (get_reports, put_reports, delete_reports, post_close)


def _use(request: HttpRequest, settings: ReportSettings) -> HttpResponse:
    twin = request.twin
    twin.report_settings, twin.reports_url = settings, request.public_url
    closing.schedule(twin)
    return as_json(settings)


def _list(twin: Twin, reports: list[Report]) -> list[dict[str, Any]]:
    return [
        {
            "name": report.name,
            "account": report.account,
            "kind": report.kind,
            "batch": report.batch or None,
            "rows": report.rows,
            "payout": report.payout,
            "closedAt": format_utc(report.closed_at),
            "availableAt": format_utc(report.available_at),
            "available": report.available_at <= twin.now(),
            "url": closing.url(twin, report),
        }
        for report in reports
    ]
