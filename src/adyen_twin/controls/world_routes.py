"""The controls of worlds: which there are, and a world as a seed."""

from __future__ import annotations

from typing import Any, Final

from litestar import delete, get, put

from adyen_twin.controls.requests import ControlError, read
from adyen_twin.core.seed import Seed, SeedError
from adyen_twin.http_types import HttpRequest, HttpResponse, as_json
from adyen_twin.simulation import seeds
from adyen_twin.simulation.worlds import PATH, World

SEED_BYTES_MAX: Final = 64 * 1024 * 1024


@get("/worlds")
async def get_worlds(request: HttpRequest) -> HttpResponse:
    """List the worlds other than the first, oldest first."""
    named = request.worlds.named
    rows = [_row(request, name, world) for name, world in named.items()]
    return as_json({"count": len(rows), "worlds": rows})


@delete("/worlds/{name:str}", status_code=200)
async def delete_world(request: HttpRequest) -> HttpResponse:
    """End a world, and forget all of it."""
    name = request.path_part("name")
    if not await request.worlds.remove(name):
        raise ControlError(404, f"there is no world {name!r}; GET /twin/worlds lists them")
    return as_json({"status": "ok"})


@get("/seed")
async def get_seed(request: HttpRequest) -> HttpResponse:
    """Return the world as a seed."""
    return as_json(seeds.save(request.twin))


@put("/seed", request_max_body_size=SEED_BYTES_MAX)
async def put_seed(request: HttpRequest) -> HttpResponse:
    """Replace the world by a seed."""
    seed = read(await request.body(), Seed)
    try:
        seeds.load(request.twin, seed)
    except SeedError as error:
        message = str(error)
        raise ControlError(422, message, message.partition(":")[0]) from None
    request.twin.reports_url = request.public_url
    return as_json({"status": "ok"})


HANDLERS: Final = (get_worlds, delete_world, get_seed, put_seed)


def _row(request: HttpRequest, name: str, world: World) -> dict[str, Any]:
    base = request.public_url.removesuffix(request.path_prefix)
    return {
        "name": name,
        "apiKey": world.twin.settings.api_key,
        "url": f"{base}{PATH}{name}",
        "payments": len(world.twin.state.payments),
    }
