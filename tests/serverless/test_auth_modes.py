"""`AUTH_MODE=api-key` and `jwt` in the function: the client's own key or token counts, and nobody's word besides."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from service.settings import Settings
from service.storage import Storage
from tests.api.records import record, settle
from tests.driver import Answer
from tests.functions import SERVICE, Function, function
from tests.issuer import issuing
from tests.modes import OTHER, OWNER, ByKey, ByToken, Headers
from tests.serverless.events import Asked
from tests.serverless.senders import KINDS, Kind, received


@pytest.fixture(scope="module", params=["api-key", "jwt"])
async def mode(
    request: pytest.FixtureRequest, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Any]:
    """A mode, with its users."""
    async with AsyncExitStack() as stack:
        if request.param == "api-key":
            yield ByKey(settings, tmp_path_factory.mktemp("keys") / "keys")
        else:
            yield ByToken(settings, *[await stack.enter_async_context(issuing()) for _ in range(2)])


@pytest.fixture(scope="module")
async def container(mode: Any) -> AsyncIterator[Function]:
    """A container in this mode, which would trust `X-User-Id` if that counted."""
    values = {**vars(mode.settings), "trust_user_header": True}
    async with function(SERVICE, Settings(**values)) as made:
        yield made


@pytest.fixture(scope="module")
async def image(storage: Storage, mode: Any) -> str:
    """The path of an image of the owner."""
    (image_id,) = await settle(storage, record(OWNER))
    return f"/v1/images/{image_id}"


async def asked(container: Function, kind: Kind, path: str, headers: Headers, authorizer: str | None = None) -> Answer:
    """The answer to an event with these headers; the gateway's authorizer, if it has one, names that user."""
    event = kind.make(Asked("GET", path, headers=tuple(headers)))
    if authorizer and kind.authorizer:
        event = kind.make(Asked("GET", path, headers=tuple(headers)), authorizer=kind.authorizer(authorizer))
    return received(event, await container.invoke(event))


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_who_is_asking(kind: Kind, mode: Any, container: Function, image: str) -> None:
    """By each kind of event, whatever its headers and its authorizer say."""
    for more in ([], [("X-User-Id", OTHER)], [("x-user-id", OWNER)]):
        for authorizer in (None, OTHER, OWNER):
            answer = await asked(container, kind, image, [*mode.user(OWNER), *more], authorizer)
            assert answer.status == 200, answer
            answer = await asked(container, kind, image, [*mode.user(OTHER), *more], authorizer)
            assert (answer.status, answer.code) == (404, "image_not_found")
            answer = await asked(container, kind, image, more, authorizer)
            assert (answer.status, answer.code) == (401, "unauthenticated")
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_nobody(mode: Any, container: Function, image: str) -> None:
    """By the kinds of event in turn, which each say repeated headers in another way."""
    if isinstance(mode, ByKey):
        mode.revoke()
    last_counts = {"twice", "two", "user_header_twice", "with_basic"}
    for number, (name, (_, who)) in enumerate(mode.nobody().items()):
        kind = KINDS[number % len(KINDS)]
        if name in last_counts and not kind.repeats:
            continue  # such a gateway hands over the last of the headers only
        answer = await asked(container, kind, image, who, OWNER)
        assert answer.status == 401, (name, kind, answer)
