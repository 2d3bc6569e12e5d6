"""Kasir as an ASGI app for mounting in an app of another framework, or for serving alone."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from kasir.config import Settings, settings_from
from kasir.errors import NotOpen
from kasir.python_api.client import Kasir
from kasir.web.app import create_app


class KasirApp:
    """Kasir as an ASGI app: the API, the payment form and the webhooks.

    It is no subclass of Litestar's app, because Starlette reads the `routes` of a mounted app and
    expects routes of its own.
    """

    def __init__(
        self, settings: Settings | Mapping[str, str] | None = None, *, with_worker: bool = False
    ) -> None:
        """Make the app; `kasir.create_app` has the arguments."""
        if settings is not None and not isinstance(settings, Settings):
            settings = settings_from(settings)
        self._app = create_app(settings, with_worker=with_worker)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, or run the lifespan for a server that asks for it.

        The types of ASGI are left out, because each framework has its own.
        """
        await self._app(scope, receive, send)

    def lifespan(self) -> AbstractAsyncContextManager[None]:
        """Open Kasir, and its worker if the app has one; the end of the context closes both.

        Raises:
            ExceptionGroup: A `SettingError` or a `DatabaseUnavailable`, which Litestar groups.
        """
        return self._app.lifespan()

    @property
    def kasir(self) -> Kasir:
        """The open Kasir of this app, for calls from the app in which it is mounted.

        Raises:
            NotOpen: The app's lifespan has not begun, or is over.
        """
        kasir: Kasir | None = self._app.state.get("kasir")
        if kasir is None:
            raise NotOpen("the lifespan of this app has not begun, or is over")
        return kasir
