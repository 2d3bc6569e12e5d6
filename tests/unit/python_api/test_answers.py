"""The driver's errors as the library's."""

from __future__ import annotations

import asyncpg
import pytest

from kasir.errors import DatabaseReadOnly, DatabaseUnavailable
from kasir.python_api.answers import translated


@pytest.mark.parametrize(
    ("driver_error", "raised"),
    [
        (asyncpg.ReadOnlySQLTransactionError("secret"), DatabaseReadOnly),
        (asyncpg.TargetServerAttributeNotMatched("secret"), DatabaseReadOnly),
        (asyncpg.TooManyConnectionsError("secret"), DatabaseUnavailable),
        (OSError("secret"), DatabaseUnavailable),
    ],
)
def test_a_driver_error_is_the_librarys_without_its_text(
    driver_error: Exception, raised: type[Exception]
) -> None:
    with pytest.raises(DatabaseUnavailable) as caught, translated():
        raise driver_error

    assert type(caught.value) is raised
    assert "secret" not in str(caught.value)
