"""Those who send events: each takes a client's requests to a function, and its answers back, as AWS does."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from multidict import CIMultiDict

from tests.driver import Answer, Client
from tests.functions import Function, body_of
from tests.serverless import events
from tests.serverless.events import Asked, Event

LARGEST = 6 * 1024 * 1024
"""Bytes of an event, and of an answer: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


@dataclass(frozen=True)
class Kind:
    """A kind of sender; `str()` is its name."""

    name: str
    make: Callable[..., Event]
    authorizer: Callable[[str], Any] | None = None
    """How it says who the user is; without one that is a matter of headers."""
    prefix: str = ""
    """What its clients put before the paths that the service knows."""
    repeats: bool = True
    """Whether parameters that come several times arrive."""

    def __str__(self) -> str:
        return self.name

    def event(self, asked: Asked, user: str | None) -> Event:
        """The event of a request by this user; by nobody if there is none."""
        if user is None:
            return self.make(asked)
        if self.authorizer is not None:
            return self.make(asked, authorizer=self.authorizer(user))
        return self.make(replace(asked, headers=(*asked.headers, ("X-User-Id", user))))


HTTP_API = Kind("http_api", events.http_api, lambda user: {"jwt": {"claims": {"sub": user}, "scopes": None}})
REST_API = Kind("rest_api", events.rest_api, lambda user: {"principalId": user, "integrationLatency": 46}, "/prod")
FUNCTION_URL = Kind(
    "function_url",
    events.function_url,
    lambda user: {"iam": {"accessKey": "AKIA", "callerId": "AIDA", "cognitoIdentity": None, "userId": user}},
)
LOAD_BALANCER = Kind("load_balancer", events.load_balancer, repeats=False)
MULTI_VALUE = Kind("multi_value_load_balancer", events.multi_value_load_balancer)
KINDS = (HTTP_API, REST_API, FUNCTION_URL, LOAD_BALANCER, MULTI_VALUE)


class Caller(Client):
    """One user who reaches the service through a sender of events; there is no connection to it."""

    def __init__(self, function: Function, kind: Kind, user: str) -> None:
        self.function = function
        self.kind = kind
        self.user = user
        self.seconds = 29.0
        """What the invocations have."""

    def as_user(self, user: str) -> "Caller":
        """Another user of the same sender."""
        return Caller(self.function, self.kind, user)

    async def ask(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> Answer:
        """One request, with or without what clients put before the path.

        Of `more`, `data` is bytes or a file of them, `json` a document, `params` a query.
        """
        given = dict(headers or {})
        data: Any = more.get("data")
        body: bytes | None = data.read() if hasattr(data, "read") else data
        if "json" in more:
            given, body = {"Content-Type": "application/json", **given}, json.dumps(more["json"]).encode()
        shown = path.startswith(f"{self.kind.prefix}/v1/")
        bare, _, query = (path.removeprefix(self.kind.prefix) if shown else path).partition("?")
        query = urlencode(more["params"]) if "params" in more else query
        return await self.send(Asked(method, bare, query, tuple(given.items()), body))

    async def send(self, asked: Asked) -> Answer:
        """One request as it is."""
        return await self.invoke(self.kind.event(asked, self.user))

    async def anonymously(self, asked: Asked) -> Answer:
        """One request of which nobody says whose it is."""
        return await self.invoke(self.kind.event(asked, None))

    async def invoke(self, event: Event) -> Answer:
        """The answer to an event as the client gets it."""
        return received(event, await self.function.invoke(event, self.seconds))


def received(event: Any, answer: Any) -> Answer:
    """What a client gets of a function's answer, which must have the form that the event's sender documents."""
    context = event.get("requestContext") if isinstance(event, dict) else None
    context = context if isinstance(context, dict) else {}
    members = {"statusCode", "body", "isBase64Encoded"}
    if "http" in context or ("elb" in context and "multiValueHeaders" not in event):
        members |= {"headers"}
    else:
        members |= {"multiValueHeaders"}
    if "elb" in context:
        members |= {"statusDescription"}
        assert answer["statusDescription"].startswith(f"{answer['statusCode']} ")
    assert set(answer) == members, sorted(answer)
    assert type(answer["statusCode"]) is int
    assert type(answer["body"]) is str
    assert type(answer["isBase64Encoded"]) is bool
    assert len(json.dumps(answer).encode()) <= LARGEST
    headers: CIMultiDict[str] = CIMultiDict()
    if "headers" in answer:
        assert all(type(value) is str for value in answer["headers"].values())
        headers.extend(answer["headers"])
    else:
        for name, values in answer["multiValueHeaders"].items():
            headers.extend((name, value) for value in values)
    assert not {"connection", "keep-alive", "transfer-encoding"} & {name.lower() for name in headers}
    return Answer(answer["statusCode"], headers, body_of(answer))
