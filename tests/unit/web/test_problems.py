"""Every error has a response in Adyen's format, which shows nothing internal."""

from __future__ import annotations

import asyncpg
import httpx
import pytest
from litestar import Litestar, get
from litestar.exceptions import (
    MethodNotAllowedException,
    NotAuthorizedException,
    NotFoundException,
    ValidationException,
)
from structlog.testing import capture_logs

from kasir.errors import (
    CutOff,
    DatabaseUnavailable,
    Fault,
    InvalidRequest,
    KeyReused,
    NotFound,
    StillRunning,
)
from kasir.web.problems import answer_to, error_response, response


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InvalidRequest([Fault("amount", "give it.", "100")]), 422, "100"),
        (InvalidRequest([Fault("merchantAccount", "no.", "901", 403, "security")]), 403, "901"),
        (KeyReused("key-1"), 422, "704"),
        (StillRunning("key-1"), 409, "704"),
        (NotFound("payment link", "PL_1"), 404, "187"),
        (DatabaseUnavailable("secret address"), 503, "703"),
        (RecursionError("maximum recursion depth exceeded"), 400, "702"),
        (NotFoundException(), 404, "000"),
        (MethodNotAllowedException(), 405, "000"),
        (NotAuthorizedException("Unauthorized"), 401, "000"),
        (RuntimeError("secret variable"), 500, "702"),
    ],
)
def test_an_error_has_adyens_format(error: Exception, status: int, code: str) -> None:
    answer = answer_to(error)
    fields = answer.json()

    assert answer.status == status
    assert fields.keys() == {"status", "errorCode", "message", "errorType"}
    assert (fields["status"], fields["errorCode"]) == (status, code)
    assert "secret" not in fields["message"]


@pytest.mark.parametrize("error", [StillRunning("key-1"), DatabaseUnavailable("gone")])
def test_a_transient_error_has_the_header_transient_error(error: Exception) -> None:
    assert response(answer_to(error)).headers["transient-error"] == "true"


@pytest.mark.parametrize("error", [KeyReused("key-1"), NotFound("x", "y"), RuntimeError("x")])
def test_a_permanent_error_does_not_have_the_header_transient_error(error: Exception) -> None:
    assert "transient-error" not in response(answer_to(error)).headers


def test_a_wrong_parameter_is_named_with_its_cure() -> None:
    error = ValidationException(
        "Validation failed", extra=[{"key": "reference", "message": "too long"}]
    )

    assert answer_to(error).json() == {
        "status": 422,
        "errorCode": "187",
        "message": "Field 'reference' is not valid: too long",
        "errorType": "validation",
    }


def test_the_idempotency_key_is_returned_only_if_one_was_sent() -> None:
    answer = answer_to(RuntimeError("x"))

    assert response(answer, idempotency_key="key-1").headers["idempotency-key"] == "key-1"
    assert "idempotency-key" not in response(answer).headers


@pytest.mark.parametrize("error", [RuntimeError("x"), asyncpg.AdminShutdownError("x"), CutOff()])
async def test_the_log_names_the_route_and_not_the_token_in_the_path(
    error: Exception,
) -> None:
    @get("/v72/tokens/{token:str}")
    async def fails() -> None:
        raise error

    app = Litestar([fails], exception_handlers={Exception: error_response})
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # httpx has other types for ASGI.
    async with httpx.AsyncClient(transport=transport, base_url="http://kasir") as http:
        with capture_logs() as logs:
            await http.get("/v72/tokens/SECRET-TOKEN")

    (line,) = logs
    assert line["path"] == "/v72/tokens/{token}"
    assert "SECRET-TOKEN" not in str({**line, "traceback": ""})
