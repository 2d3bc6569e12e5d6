"""Type aliases with which Litestar injects the request and the app's parts into a handler."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from kasir.wiring import Parts

AnyRequest = Request[Any, Any, Any]
#: The app's parts, injected as the dependency `parts`.
OurParts = NamedDependency[SkipValidation[Parts]]
