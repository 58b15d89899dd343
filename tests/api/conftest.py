"""What the tests of a module share when they only read: a user, and a photo."""

from collections.abc import AsyncIterator

import pytest

from service.settings import Settings
from service.storage import Storage
from service.storage.aws import clients
from tests.api.aws import Aws
from tests.api.stored import Stored, store
from tests.driver import Client
from tests.pictures import jpeg
from worker.decoder import Decoders


@pytest.fixture(scope="module")
def owner(_module_client: Client) -> Client:
    """The user to whom a module's shared images belong."""
    return _module_client.as_user("owner")


@pytest.fixture(scope="module")
async def photo(owner: Client, settings: Settings, storage: Storage, decoders: Decoders) -> Stored:
    """rocket.jpg, ready."""
    (stored,) = await store(owner, settings, storage, decoders, [jpeg()])
    return stored


@pytest.fixture(scope="module")
async def aws(settings: Settings) -> AsyncIterator[Aws]:
    """What the module's service has stored."""
    async with clients(settings, "s3", "dynamodb") as (s3, dynamodb):
        yield Aws(settings, s3, dynamodb)
