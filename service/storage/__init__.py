"""AWS, and only here. `open_storage` puts the parts together for service, worker and command line alike."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from service.settings import Settings
from service.storage.aws import clients, object_store
from service.storage.catalog import Catalog
from service.storage.idempotency import IdempotencyKeys
from service.storage.objects import Objects
from service.storage.queue import Queue
from service.storage.staging import Staging


@dataclass(frozen=True, slots=True)
class Storage:
    """All that is kept outside of the process."""

    objects: Objects
    catalog: Catalog
    queue: Queue
    staging: Staging
    idempotency_keys: IdempotencyKeys


@asynccontextmanager
async def open_storage(settings: Settings) -> AsyncIterator[Storage]:
    """The parts, ready to use; leaving the context waits for what is under way. Makes no call to AWS by itself."""
    async with clients(settings, "sqs", "dynamodb") as (sqs, dynamodb):
        objects = Objects(object_store(settings), object_store(settings, settings.public_endpoint_s3))
        await objects.warm_up()
        queue = Queue(sqs, settings)
        staging = Staging(objects, queue)
        storage = Storage(
            objects=objects,
            catalog=Catalog(dynamodb, settings.table),
            queue=queue,
            staging=staging,
            idempotency_keys=IdempotencyKeys(dynamodb, settings.table, settings.idempotency_seconds),
        )
        try:
            yield storage
        finally:
            await staging.close()
            await queue.close()
