"""What the tests of faults share."""

from collections.abc import AsyncIterator

import pytest

from service.settings import Settings
from tests.backstage import Backstage, backstage_of


@pytest.fixture(scope="module")
async def backstage(settings: Settings) -> AsyncIterator[Backstage]:
    """A look behind this module's service."""
    async with backstage_of(settings) as opened:
        yield opened
