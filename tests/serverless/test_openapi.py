"""The description of the API is handed out by the function, too."""

import json

from deploy.openapi import converted, rendered
from tests.functions import Function
from tests.serverless.events import Asked
from tests.serverless.senders import KINDS, Caller


async def test_every_sender_gets_it(container: Function) -> None:
    """Asked for by anybody; its server is relative to where it is, so it holds behind any prefix."""
    for kind in KINDS:
        answer = await Caller(container, kind, "nobody").anonymously(Asked("GET", "/openapi.json"))
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
        document = answer.json
        assert document == json.loads(converted())
        assert document["servers"][0]["url"] == "."


async def test_every_sender_gets_the_page(container: Function) -> None:
    """The same bytes, with the policy that goes with them; its links are relative."""
    for kind in KINDS:
        answer = await Caller(container, kind, "nobody").anonymously(Asked("GET", "/docs"))
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert answer.body == rendered()
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
