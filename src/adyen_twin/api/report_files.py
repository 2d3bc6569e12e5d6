"""The download of report files, as at ca-test.adyen.com.

Source: Adyen's page on downloading reports: Basic authentication with a report user. Others
saw the X-API-Key work too, so that is a setting.
"""

from __future__ import annotations

import hmac
from typing import Final

from litestar import Response, get

from adyen_twin.http_types import (
    HttpRequest,
    HttpResponse,
    basic_credentials,
    has_api_key,
)
from adyen_twin.settlement import closing

UNAUTHORIZED: Final = 401
NOT_FOUND: Final = 404


@get("/reports/download/MerchantAccount/{account:str}/{name:str}")
async def get_report(request: HttpRequest) -> HttpResponse:
    """Send a report file from the moment on when it is available."""
    if not _may_download(request):
        challenge = {"WWW-Authenticate": 'Basic realm="reports"'}
        return Response(b"", status_code=UNAUTHORIZED, headers=challenge, media_type="text/plain")
    twin = request.twin
    report = closing.find(twin, request.path_part("account"), request.path_part("name"))
    if report is None or report.available_at > twin.now():
        return Response(b"", status_code=NOT_FOUND, media_type="text/plain")
    return Response(
        report.content.encode(),
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{report.name}"'},
    )


def _may_download(request: HttpRequest) -> bool:
    settings = request.twin.report_settings
    if settings.api_key_downloads and has_api_key(request):
        return True
    user, password = basic_credentials(request) or ("", "")
    given, wanted = f"{user}:{password}", f"{settings.user}:{settings.password}"
    return hmac.compare_digest(given.encode(), wanted.encode())
