"""Type aliases by which Litestar injects the request and the open Kasir into a handler."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from kasir.wiring import Kasir

AnyRequest = Request[Any, Any, Any]
#: The app's open Kasir, injected as the dependency `kasir`.
OurKasir = NamedDependency[SkipValidation[Kasir]]
