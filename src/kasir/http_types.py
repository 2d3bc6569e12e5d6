"""What Litestar hands to a handler that asks for it by its type."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from kasir.wiring import Kasir

AnyRequest = Request[Any, Any, Any]
#: The open Kasir of the app.
OurKasir = NamedDependency[SkipValidation[Kasir]]
