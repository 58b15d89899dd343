"""What the tests of the functions share: one container a module, callers of each kind, and a look behind."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from service.settings import Settings
from tests.backstage import Backstage, backstage_of
from tests.functions import SERVICE, WORKER, Function, function
from tests.outside import Outside, outside_of
from tests.serverless.event_source import RETRY_SECONDS, EventSource
from tests.serverless.senders import KINDS, REST_API, Caller
from tests.uploads import Refuses


@pytest.fixture(scope="module")
async def container(settings: Settings) -> AsyncIterator[Function]:
    """A container behind a gateway that sets `X-User-Id`, as load balancers have no authorizers of their own."""
    async with function(SERVICE, replace(settings, trust_user_header=True)) as made:
        yield made


@pytest.fixture(params=KINDS, ids=str)
def caller(request: pytest.FixtureRequest, container: Function, user: str) -> Caller:
    """The user by each kind of event."""
    return Caller(container, request.param, user)


@pytest.fixture
def rest(container: Function, user: str) -> Caller:
    """The user by payload 1.0, which loses nothing of a request."""
    return Caller(container, REST_API, user)


@pytest.fixture
def user() -> str:
    """A user whom no other test has."""
    return f"user-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="module")
async def outside(settings: Settings) -> AsyncIterator[Outside]:
    """What the module's service has left in AWS."""
    async with outside_of(settings) as look:
        yield look


@pytest.fixture
def refuses(outside: Outside) -> Refuses:
    """Holds refusals to leaving nothing."""
    return Refuses(outside)


@pytest.fixture(scope="module")
async def backstage(settings: Settings) -> AsyncIterator[Backstage]:
    """A look behind the module's worker."""
    async with backstage_of(settings) as opened:
        yield opened


@pytest.fixture
async def source(settings: Settings, backstage: Backstage) -> EventSource:
    """What invokes the worker; its queue is empty."""
    made = EventSource(settings, backstage)
    await made.purge()
    return made


@pytest.fixture(scope="module")
async def worker(settings: Settings) -> AsyncIterator[Function]:
    """A container of the worker."""
    async with function(WORKER, replace(settings, retry_seconds=RETRY_SECONDS)) as made:
        yield made
