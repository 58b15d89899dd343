"""The description of the API is handed out by the function, too."""

import json

from deploy.openapi import converted
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
