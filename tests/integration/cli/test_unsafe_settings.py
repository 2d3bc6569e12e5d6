"""`serve` and `worker` refuse to start with an unsafe secret, and print one line."""

from __future__ import annotations

import pytest

from command import TWIN, is_one_line, kasir
from fakes import IN_LIVE

#: Safe settings of the live environment; nothing listens at the database's address.
LIVE = IN_LIVE | {"KASIR_DATABASE_URL": "postgresql://127.0.0.1:1/nobody"}


@pytest.mark.parametrize("program", ["serve", "worker"])
@pytest.mark.parametrize(
    ("environ", "mentioned"),
    [
        pytest.param(
            LIVE | {"KASIR_API_KEY": "a"}, "KASIR_API_KEY", id="live with a key of one letter"
        ),
        pytest.param(
            LIVE | {"ADYEN_HMAC_KEY": "00" * 32}, "ADYEN_HMAC_KEY", id="live with a key of zeros"
        ),
        pytest.param(
            TWIN | {"KASIR_EVENTS_URL": "http://127.0.0.1:9", "KASIR_EVENTS_SECRET": "whsec_"},
            "KASIR_EVENTS_SECRET",
            id="no key to sign events",
        ),
    ],
)
def test_a_program_with_an_unsafe_secret_prints_one_line_and_exits_1(
    program: str, environ: dict[str, str], mentioned: str
) -> None:
    result = kasir(program, **environ)

    assert (result.returncode, result.stdout) == (1, "")
    assert is_one_line(result.stderr), result.stderr
    assert result.stderr.startswith(f"kasir: {mentioned}: ")


def test_the_help_of_apikey_create_states_that_keys_belong_to_one_shop() -> None:
    result = kasir("apikey", "create", "--help")
    text = " ".join(result.stdout.split())

    assert result.returncode == 0
    assert "belong to one shop" in text
    assert "idempotency keys" in text
