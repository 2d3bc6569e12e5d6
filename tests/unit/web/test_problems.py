"""Every error as an answer in Adyen's body: who must act, and nothing of our inside."""

from __future__ import annotations

import pytest
from litestar.exceptions import (
    MethodNotAllowedException,
    NotAuthorizedException,
    NotFoundException,
    ValidationException,
)

from kasir.errors import (
    DatabaseUnavailable,
    Fault,
    InvalidRequest,
    KeyReused,
    NotFound,
    StillRunning,
)
from kasir.web.problems import answer_to, response


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
def test_an_error_is_answered_in_adyens_body(error: Exception, status: int, code: str) -> None:
    answer = answer_to(error)
    fields = answer.json()

    assert answer.status == status
    assert fields.keys() == {"status", "errorCode", "message", "errorType"}
    assert (fields["status"], fields["errorCode"]) == (status, code)
    assert "secret" not in fields["message"]


@pytest.mark.parametrize("error", [StillRunning("key-1"), DatabaseUnavailable("gone")])
def test_what_may_be_asked_again_says_so_in_its_header(error: Exception) -> None:
    assert response(answer_to(error)).headers["transient-error"] == "true"


@pytest.mark.parametrize("error", [KeyReused("key-1"), NotFound("x", "y"), RuntimeError("x")])
def test_what_may_not_does_not(error: Exception) -> None:
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


def test_the_idempotency_key_comes_back_only_where_one_came() -> None:
    answer = answer_to(RuntimeError("x"))

    assert response(answer, idempotency_key="key-1").headers["idempotency-key"] == "key-1"
    assert "idempotency-key" not in response(answer).headers
