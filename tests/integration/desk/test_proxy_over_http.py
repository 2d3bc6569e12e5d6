"""A trusted proxy is known by the address of its connection, whatever its headers say."""

from __future__ import annotations

import httpx

from desk_client import open_desk, served
from kasir.people.roles import Role
from opened_kasir import a_database


def forwarded(address: str) -> dict[str, str]:
    """The headers of a proxy that names a person and forwards a client's address."""
    return {"X-Auth-User": "sso", "X-Forwarded-For": address}


async def test_a_forwarded_address_makes_no_connection_trusted(postgres_dsn: str) -> None:
    trusted = {"KASIR_DESK_PROXY_HEADER": "X-Auth-User", "KASIR_DESK_PROXY_ADDRESSES": "10.0.0.7"}
    async with a_database(postgres_dsn) as database, open_desk(database, **trusted) as desk:
        await desk.person("sso", Role.ADMIN)
        async with served(desk) as url, httpx.AsyncClient() as http:
            answer = await http.get(f"{url}/desk", headers=forwarded("10.0.0.7"))

    assert answer.headers["location"] == "/desk/login"


async def test_a_proxy_that_forwards_another_address_stays_trusted(postgres_dsn: str) -> None:
    trusted = {"KASIR_DESK_PROXY_HEADER": "X-Auth-User", "KASIR_DESK_PROXY_ADDRESSES": "127.0.0.1"}
    async with a_database(postgres_dsn) as database, open_desk(database, **trusted) as desk:
        await desk.person("sso", Role.ADMIN)
        async with served(desk) as url, httpx.AsyncClient() as http:
            answer = await http.get(f"{url}/desk", headers=forwarded("192.0.2.1"))
            address = await desk.parts.pool.fetchval("SELECT address FROM audit")

    assert answer.status_code == 200
    assert address == "192.0.2.1"
