"""What the tests of the worker share."""

from collections.abc import AsyncIterator

import pytest

from service.settings import Settings
from service.storage import Storage
from tests.backstage import Backstage, backstage_of, drain
from tests.direct import form_for
from tests.driver import Client
from tests.stage import Stage
from worker.decoder import Decoders


@pytest.fixture(scope="module")
async def backstage(settings: Settings) -> AsyncIterator[Backstage]:
    """A look behind this module's service."""
    async with backstage_of(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
async def _without_test_event(settings: Settings, storage: Storage, decoders: Decoders) -> None:
    await drain(settings, storage, decoders)


@pytest.fixture
async def stage(
    client: Client,
    settings: Settings,
    storage: Storage,
    decoders: Decoders,
    backstage: Backstage,
    _without_test_event: None,
) -> Stage:
    """With an empty queue."""
    return Stage(client, settings, storage, decoders, backstage, await form_for(client))
