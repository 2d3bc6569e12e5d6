"""Worlds: many separate twins in one process, which share nothing but the address.

A world is a `Twin` with its engine: its own payments, tokens, wallets, webhooks, queues, faults,
knobs, clock and idempotency keys. The first world has no name and exists from the start. Any other
is made when it is named for the first time, by its API key or by its path: see docs/twin.md.
"""

from __future__ import annotations

import contextlib
import hmac
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import aiohttp

from adyen_twin.core.twin import Twin
from adyen_twin.simulation import seeds
from adyen_twin.simulation.engine import Engine

#: The name of the first world.
FIRST: Final = ""
#: What is before the name of a world in a path.
PATH: Final = "/worlds/"
#: What is between the API key of the first world and the name of another.
SEPARATOR: Final = "."
WORLDS_MAX: Final = 1000
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class NoWorldError(Exception):
    """There can be no such world; the message is the reason."""


@dataclass(frozen=True)
class World:
    """A twin, and the engine that runs its tasks and deliveries."""

    twin: Twin
    engine: Engine


class Worlds:
    """The worlds of one process."""

    def __init__(self, first: Twin, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._initial_knobs = first.knobs
        self._worlds = {FIRST: World(first, Engine(first, session))}

    @property
    def first(self) -> World:
        """The first world."""
        return self._worlds[FIRST]

    @property
    def named(self) -> Mapping[str, World]:
        """The name of each other world -> the world, oldest first."""
        return {name: world for name, world in self._worlds.items() if name != FIRST}

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the tasks and deliveries of every world during the block."""
        self.first.engine.start()
        try:
            yield
        finally:
            for world in self._worlds.values():
                await world.engine.stop()

    def world(self, name: str, *, make: bool) -> World:
        """Return the world of this name; with `make`, it is made if it does not exist.

        Raises:
            NoWorldError: There is no such world, or there can be none.

        """
        if name not in self._worlds:
            if not make:
                raise NoWorldError(f"there is no world {name!r}")
            self._worlds[name] = self._make(name)
        return self._worlds[name]

    def name_in(self, api_key: str) -> str | None:
        """Return the name of the world that an API key names; None if it is no key of a world."""
        own = self.first.twin.settings.api_key.encode()
        if hmac.compare_digest(api_key.encode(), own):
            return FIRST
        key, _, name = api_key.rpartition(SEPARATOR)
        is_named = hmac.compare_digest(key.encode(), own) and _NAME.fullmatch(name)
        return name if is_named else None

    async def remove(self, name: str) -> bool:
        """End a world and forget all of it; return whether there was one."""
        world = self._worlds.pop(name, None) if name != FIRST else None
        if world is not None:
            await world.engine.stop()
        return world is not None

    def _make(self, name: str) -> World:
        if not _NAME.fullmatch(name):
            raise NoWorldError("the name of a world has 1 to 64 letters, digits, - and _")
        if len(self._worlds) > WORLDS_MAX:
            raise NoWorldError(f"there are {WORLDS_MAX} worlds; DELETE /twin/worlds/NAME ends one")
        first = self.first.twin
        key = f"{first.settings.api_key}{SEPARATOR}{name}"
        settings = replace(first.settings, api_key=key, state_file=None)
        twin = Twin(settings, self._initial_knobs)
        if first.seed is not None:
            seeds.load(twin, first.seed)
        twin.reports_url = f"{first.reports_url}{PATH}{name}"
        world = World(twin, Engine(twin, self._session))
        world.engine.start()
        return world
