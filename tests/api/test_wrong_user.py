"""Each call × each way to be the wrong user, in every AUTH_MODE."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from service.http.app import make_app
from service.http.metrics import Metrics
from service.settings import Settings
from service.storage import Storage
from tests.api.records import now_id
from tests.backstage import drain
from tests.driver import Answer, Client
from tests.modes import MODES, OTHER, OWNER, Headers, Service, service_in
from tests.outside import Outside, outside_of
from tests.pictures import TINY
from tests.wire import connected
from worker.decoder import Decoders

PNG = TINY["image/png"].data
ONE = "/v1/images/{image_id}"
EDIT = {"json": {"title": "mine"}}
CALLS: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/v1/images"): {"data": PNG, "headers": {"Content-Type": "image/png"}},
    ("GET", "/v1/images"): {},
    ("HEAD", "/v1/images"): {},
    ("GET", ONE): {},
    ("HEAD", ONE): {},
    ("PATCH", ONE): EDIT,
    ("DELETE", ONE): {},
    ("GET", f"{ONE}/content"): {},
    ("HEAD", f"{ONE}/content"): {},
    ("GET", f"{ONE}/events"): {},
    ("HEAD", f"{ONE}/events"): {},
    ("POST", "/v1/uploads"): {"json": {"content_type": "image/png"}},
    ("GET", "/v1/usage"): {},
    ("HEAD", "/v1/usage"): {},
}
"""Every call that is about a user, with what it needs to succeed."""
FILE = "/gallery/{version}/{name}"
OPEN = ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/", FILE)
NOBODYS = set(itertools.product(("GET", "HEAD"), OPEN))
"""Calls that are about no user."""
FETCHES = 10
"""Of keys in the time that these tests take: one each ten seconds at most. Each is two requests."""


@dataclass(frozen=True)
class Place:
    """A service, the owner's image in it, and what is in AWS."""

    service: Service
    image_id: str
    outside: Outside

    async def call(self, call: tuple[str, str], who: Headers, image_id: str | None = None) -> Answer:
        """One call, of the owner's image if of any."""
        method, path = call
        return await self.service.ask(method, path.format(image_id=image_id or self.image_id), who, **CALLS[call])

    async def said(self) -> Any:
        """Everything that the service says to the owner of the image, and its bytes."""
        answers = [await self.call(("GET", path), self.service.mode.user(OWNER)) for path in (ONE, f"{ONE}/content")]
        return [(answer.status, answer.body) for answer in answers]


@pytest.fixture(scope="module", params=MODES)
async def place(
    request: pytest.FixtureRequest,
    settings: Settings,
    storage: Storage,
    decoders: Decoders,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Place]:
    """One for each mode."""
    folder = tmp_path_factory.mktemp("keys")
    async with service_in(request.param, settings, folder) as service, outside_of(settings) as outside:
        who = service.mode.user(OWNER)
        answer = await service.ask("POST", "/v1/images", who, **CALLS["POST", "/v1/images"])
        await drain(settings, storage, decoders)
        made = Place(service, answer.json["image_id"], outside)
        assert (await made.said())[1] == (200, PNG)
        if request.param == "api-key":
            revoked = [("X-API-Key", service.mode.revoked)]
            assert (await service.ask("GET", "/v1/images", revoked)).status == 200
            service.mode.revoke()
        yield made


def test_every_route_is_in_these_tables(settings: Settings) -> None:
    """A new one has to say here whether it asks for a user."""
    app = make_app(settings)
    Metrics().watch(app)
    routes = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource}
    assert routes == set(CALLS) | NOBODYS


async def test_the_right_user(place: Place) -> None:
    """Can make every call: what the others are refused is there to be had."""
    for call in CALLS:
        if call != ("DELETE", ONE):
            answer = await place.call(call, place.service.mode.user(OWNER))
            assert answer.status in (200, 201, 202), (call, answer)


async def test_nobody(place: Place) -> None:
    """401 with a challenge and nothing of the secret, whatever is asked; nothing changes, and nothing is kept."""
    before, said = await place.outside.everything(), await place.said()
    for name, (code, who) in place.service.mode.nobody().items():
        for call in CALLS:
            answer = await place.call(call, who)
            assert answer.status == 401, (name, call, answer)
            assert_challenged(answer, place.service.settings.auth_mode, code)
            if call[0] != "HEAD":
                assert answer.code == code, (name, call)
            assert not [value for _, value in who if len(value) > 20 and value[-20:].encode() in answer.body], name
    assert await place.said() == said
    assert await place.outside.everything() == before


def assert_challenged(answer: Answer, mode: str, code: str) -> None:
    """As RFC 9110, section 11.6.1 wants of a 401, and RFC 6750, section 3 of its words."""
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith("X-User-Id realm=" if mode == "header" else "Bearer realm=")
    if mode != "header" and code != "unauthenticated":
        assert challenge.endswith('error="invalid_token"')


async def test_another_user(place: Place) -> None:
    """Their image looks as if it were not there, to the last letter, and nothing happens to it."""
    said, other = await place.said(), place.service.mode.user(OTHER)
    for call in CALLS:
        if "{" not in call[1]:
            continue
        answer, as_if = await place.call(call, other), await place.call(call, other, nobodys := now_id())
        assert answer.status == as_if.status == (204 if call[0] == "DELETE" else 404), call
        assert answer.body.replace(place.image_id.encode(), b"") == as_if.body.replace(nobodys.encode(), b"")
        assert answer.own_headers == as_if.own_headers
    assert place.image_id not in (await place.call(("GET", "/v1/images"), other)).body.decode()
    assert await place.said() == said


async def test_another_user_by_the_header(place: Place) -> None:
    """`X-User-Id` beside a key or token means nothing, whatever it says."""
    if place.service.settings.auth_mode == "header":
        pytest.skip("there it is who asks")
    for claimed in (OWNER, "", "nobody/else"):
        who = [*place.service.mode.user(OTHER), ("X-User-Id", claimed)]
        assert (await place.call(("GET", ONE), who)).code == "image_not_found"
        assert place.image_id not in (await place.call(("GET", "/v1/images"), who)).body.decode()


@pytest.mark.parametrize("place_in_query", ["access_token", "api_key", "token", "X-User-Id", "Authorization"])
async def test_no_credential_is_taken_from_the_query(place: Place, place_in_query: str) -> None:
    """It would stand in logs and histories."""
    value = place.service.mode.user(OWNER)[0][1].removeprefix("Bearer ")
    answer = await place.service.ask("GET", "/v1/images", [], params={place_in_query: value})
    assert (answer.status, answer.code) == (401, "unauthenticated")
    assert value not in answer.json["detail"] or value == OWNER


@pytest.mark.parametrize("call", [call for call in CALLS if call[0] in ("POST", "PATCH")], ids=" ".join)
async def test_the_body_is_not_waited_for(place: Place, call: tuple[str, str]) -> None:
    """Nor is it invited by `100 Continue`; and what comes all the same is not taken for a request."""
    service = place.service
    client = Client(service.session, service.url, "")
    body = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for more in ((), ("Expect: 100-continue",)):
        fixed = ("Host: localhost", "Content-Type: image/png", f"Content-Length: {len(body)}", "Connection: close")
        head = "\r\n".join((f"{call[0]} {call[1].format(image_id=place.image_id)} HTTP/1.1", *fixed, *more, "", ""))
        async with connected(client) as wire:
            await wire.send(head.encode())
            answer = await wire.answer()
            assert (answer.status, answer.code) == (401, "unauthenticated")
            await wire.send(body)
            wire.half_close()
            assert await wire.rest() == b""


async def test_operations_ask_nobody(place: Place) -> None:
    """They answer whoever asks, in all modes, and say nothing of users or their secrets."""
    for method, path in sorted(NOBODYS):
        answer = await place.service.ask(method, path.format(version="0", name="app.js"), [])
        assert answer.status == 200, path
        text = answer.body.decode() + str(answer.headers)
        secrets = [value for user in (OWNER, OTHER) for _, value in place.service.mode.user(user)]
        assert not [secret for secret in (*secrets, place.image_id) if secret.removeprefix("Bearer ") in text]


async def test_what_is_no_call_asks_nobody(place: Place) -> None:
    """404 and 405 as for anyone else."""
    assert (await place.service.ask("GET", "/v1/other", [])).code == "not_found"
    assert (await place.service.ask("PUT", "/v1/images", [])).code == "method_not_allowed"


async def test_forged_tokens_do_not_lead_anywhere(place: Place) -> None:
    """Nobody has asked for the keys that they name; nor does the issuer feel how many of them come."""
    if place.service.settings.auth_mode != "jwt":
        pytest.skip("there are no tokens")
    mode = place.service.mode
    for _, who in mode.nobody().values():
        await place.call(("GET", "/v1/images"), who)
    assert mode.other.asked == []
    assert len(mode.issuer.asked) <= 2 * FETCHES, mode.issuer.asked
