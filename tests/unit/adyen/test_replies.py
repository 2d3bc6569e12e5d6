"""Each answer has its verdict. A wrong verdict would charge twice, or lose a payment."""

import json

import pytest

from kasir.adyen.replies import Answer, Verdict, error, invalid
from kasir.errors import Fault, InvalidRequest

ANSWERED, OURS, THEIRS, UNKNOWN = (
    Verdict.ANSWERED,
    Verdict.INVALID,
    Verdict.TRANSIENT,
    Verdict.UNKNOWN,
)

BODY = b'{"status":0,"errorCode":"%s","message":"m","errorType":"%s"}'
HTML = b"<html><body>Bad gateway</body></html>"


def error_answer(status: int, code: str, kind: str, *, transient: bool = False) -> Answer:
    body = BODY % (code.encode(), kind.encode())
    return Answer(status, body, transient=transient)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Answer(200, b'{"resultCode":"RedirectShopper"}'), ANSWERED),
        (Answer(200, b'{"resultCode":"Refused"}'), ANSWERED),
        (Answer(201, b'{"status":"received"}'), ANSWERED),
        # A 200 without fields is not final.
        (Answer(200, b""), UNKNOWN),
        (Answer(200, b"{}"), UNKNOWN),
        (Answer(200, b"[]"), UNKNOWN),
        (Answer(200, HTML), UNKNOWN),
        (Answer(302, b""), UNKNOWN),
        (error_answer(400, "702", "validation"), OURS),
        (error_answer(401, "000", "security"), OURS),
        (Answer(401, HTML), OURS),
        (Answer(403, b""), OURS),
        (error_answer(403, "901", "security"), OURS),
        (error_answer(404, "000", "validation"), OURS),
        (error_answer(422, "14_030", "validation"), OURS),
        (error_answer(422, "100", "validation", transient=True), THEIRS),
        (Answer(408, b""), UNKNOWN),
        (Answer(429, b""), THEIRS),
        # Error 704 is "already processed" or "in progress", so the outcome is unknown.
        (error_answer(409, "704", "validation"), UNKNOWN),
        (error_answer(422, "704", "validation"), UNKNOWN),
        (error_answer(422, "704", "validation", transient=True), UNKNOWN),
        (error_answer(503, "703", "internal", transient=True), THEIRS),
        (error_answer(503, "703", "internal"), UNKNOWN),
        (error_answer(500, "905", "configuration"), OURS),
        (error_answer(500, "702", "internal"), UNKNOWN),
        (Answer(500, b""), UNKNOWN),
        (Answer(502, HTML), UNKNOWN),
        (Answer(503, HTML), UNKNOWN),
        (Answer(504, HTML), UNKNOWN),
        (Answer(502, HTML, transient=True), THEIRS),
    ],
)
def test_each_answer_has_its_verdict(answer: Answer, verdict: Verdict) -> None:
    assert answer.verdict == verdict


@pytest.mark.parametrize("code", [704, "704"])
def test_error_code_704_is_recognised_as_text_and_as_number(code: object) -> None:
    answer = Answer(422, json.dumps({"errorCode": code}).encode())

    assert answer.verdict == UNKNOWN


@pytest.mark.parametrize("body", [b"", b"[1]", b"null", b'"x"', HTML, b"\xff\xfe", b"{"])
def test_a_body_that_is_not_an_object_has_no_fields(body: bytes) -> None:
    assert Answer(500, body).json() == {}


def test_an_error_has_adyens_format() -> None:
    answer = error(422, "130", "Reference Missing", psp_reference="PSP1")

    assert answer.status == 422
    assert answer.json() == {
        "status": 422,
        "errorCode": "130",
        "message": "Reference Missing",
        "errorType": "validation",
        "pspReference": "PSP1",
    }
    assert "pspReference" not in error(422, "130", "m").json()


def test_several_faults_are_one_error_with_the_first_code_and_all_cures() -> None:
    faults = (
        Fault("merchantAccount", "this is not it.", "901", 403, "security"),
        Fault("channel", "give one."),
    )
    answer = invalid(InvalidRequest(faults))

    assert answer.status == 403
    assert answer.json() == {
        "status": 403,
        "errorCode": "901",
        "message": (
            "Field 'merchantAccount' is not valid: this is not it. "
            "Field 'channel' is not valid: give one."
        ),
        "errorType": "security",
    }
