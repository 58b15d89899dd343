"""`/readyz` asks for no user, so it must cost little however often it is asked for."""

import asyncio

from service.settings import Settings
from tests.driver import client_of
from tests.faults.proxy import proxy_to, through

ASKING = 50


async def test_a_crowd_that_asks_costs_one_look(settings: Settings, endpoint: str) -> None:
    async with proxy_to(endpoint) as proxy, client_of(through(settings, proxy), "alice") as client:
        assert (await client.get("/readyz")).status == 200
        first = proxy.all.copy()
        answers = await asyncio.gather(*(client.get("/readyz") for _ in range(ASKING)))
    assert {answer.status for answer in answers} == {200}
    # A busy machine takes longer for all of them than one look is fresh.
    assert (proxy.all - first).total() <= 3 * first.total()
