"""An empty JSON object comes from something in between: where AWS always says more, it is no answer."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from service.errors import Unavailable
from service.images import new_image_id
from service.settings import Settings
from service.storage import Storage, open_storage
from service.storage.catalog import Filters
from tests.faults.kinds import says
from tests.faults.proxy import proxy_to, through

ASKED: dict[str, tuple[str, Callable[[Storage], Awaitable[Any]]]] = {
    "where the queue is": ("sqs GetQueueUrl", lambda storage: storage.queue.url()),
    "whether it is empty": ("sqs GetQueueAttributes", lambda storage: storage.queue.is_empty()),
    "when a message is dead": ("sqs GetQueueAttributes", lambda storage: storage.queue.max_deliveries()),
    "whether it is there": ("sqs GetQueueAttributes", lambda storage: storage.queue.check()),
    "a page": ("dynamodb Query", lambda storage: storage.catalog.page("alice", 10, Filters())),
    "what is used": ("dynamodb Query", lambda storage: storage.usage.recount("alice")),
    "all records": ("dynamodb Scan", lambda storage: storage.survey.page(None)),
    "several": ("dynamodb BatchGetItem", lambda storage: storage.survey.statuses([("alice", new_image_id())])),
}


@pytest.mark.parametrize("asked", ASKED)
async def test_nothing_is_concluded_from_it(endpoint: str, settings: Settings, asked: str) -> None:
    """It is said that AWS is away, and the next answer counts."""
    call, ask = ASKED[asked]
    async with proxy_to(endpoint) as proxy, open_storage(through(settings, proxy)) as storage:
        empty = says(200, b"{}", "application/x-amz-json-1.0")
        with proxy.breaking(call, empty) as rule, pytest.raises(Unavailable):
            await ask(storage)
        assert rule.met
        await ask(storage)
