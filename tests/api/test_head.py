"""HEAD, as link checkers and uptime probes ask: all that GET says of what is open to anybody, without the bytes."""

import pytest

from service.http.auth import OPEN
from service.http.gallery import gallery
from tests.driver import Answer, Client


async def _nobody(client: Client, method: str, path: str) -> Answer:
    async with client.session.request(method, client.url + path) as answer:
        return Answer(answer.status, answer.headers, await answer.read())


@pytest.mark.parametrize("route", sorted(OPEN))
async def test_what_is_open_answers_head(client: Client, route: str) -> None:
    path = route.format(version=gallery().version, name="app.js")
    head, whole = await _nobody(client, "HEAD", path), await _nobody(client, "GET", path)
    assert (head.status, head.body) == (200, b"")
    assert set(head.own_headers) == set(whole.own_headers)
    if route != "/metrics":  # figures change with each request
        assert head.own_headers == whole.own_headers
