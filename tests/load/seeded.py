"""A local AWS whose table holds very many records of one user.

Through its API that many take longer than all benchmarks together. So the API takes the first few, and the file in
which the emulator keeps its state over a restart gets the others, in the same form.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from service.images import Record
from service.settings import Settings
from service.storage.aws import clients
from service.storage.items import Item, to_item
from service.storage.provision import provision
from tests import local_aws
from tests.load.outcome import NotMeasurable

BATCH = 25
"""Most items of one BatchWriteItem."""


@contextmanager
def storage_with(folder: Path, counts: dict[str, int], record: Callable[[str, int], Record]) -> Iterator[Settings]:
    """Provisioned; each user in `counts` has so many records like `record(user, number)`, which differ by their ids.

    :raises NotMeasurable: this version of the emulator keeps its state in another form.
    """
    log = folder / "log"
    with local_aws.running(local_aws.free_port(), log, PERSIST_STATE="1") as endpoint:
        settings = _settings(endpoint)
        asyncio.run(_first_ones(settings, [to_item(record(user, n)) for user in counts for n in range(BATCH)]))
    state = log.parent / "state" / "dynamodb.json"
    kept = json.loads(state.read_text())
    for user, count in counts.items():
        first = to_item(record(user, 0))
        partition = _find(kept, user, first)
        if partition is None:
            raise NotMeasurable("this emulator keeps its state in another form")
        ids = (record(user, number).receipt.image_id for number in range(count))
        partition.update({image_id: {**first, "image_id": {"S": image_id}} for image_id in ids})
    state.write_text(json.dumps(kept))
    del kept
    with local_aws.running(local_aws.free_port(), log, PERSIST_STATE="1") as endpoint:
        yield _settings(endpoint)


def _settings(endpoint: str) -> Settings:
    return Settings(endpoint_s3=endpoint, endpoint_sqs=endpoint, endpoint_dynamodb=endpoint)


async def _first_ones(settings: Settings, items: list[Item]) -> None:
    await provision(settings)
    async with clients(settings, "dynamodb") as (dynamodb,):
        for at in range(0, len(items), BATCH):
            batch = [{"PutRequest": {"Item": item}} for item in items[at : at + BATCH]]
            await dynamodb.batch_write_item(RequestItems={settings.table: batch})


def _find(within: Any, user: str, item: Item) -> dict[str, Item] | None:
    """The mapping of ids to items of this user, wherever it is."""
    if not isinstance(within, dict):
        return None
    partition = within.get(user)
    if isinstance(partition, dict) and partition.get(item["image_id"]["S"]) == item:
        return partition
    return next((found for value in within.values() if (found := _find(value, user, item)) is not None), None)
