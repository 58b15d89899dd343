"""AWS, and only here. `open_storage` puts the parts together for service, worker and command line alike."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from service.settings import Settings
from service.storage.aws import clients, object_store
from service.storage.bucket import Bucket
from service.storage.catalog import Catalog
from service.storage.debts import Debts
from service.storage.direct import DirectUploads
from service.storage.idempotency import IdempotencyKeys
from service.storage.listing import Listing
from service.storage.objects import Objects
from service.storage.queue import Queue
from service.storage.resends import Resends
from service.storage.sqs import open_sqs
from service.storage.staging import Staging
from service.storage.survey import Survey
from service.storage.table import Table
from service.storage.topic import Topic
from service.storage.turns import Turns
from service.storage.usage import Quota, Usage

GRACE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Storage:
    """All that is kept outside of the process."""

    objects: Objects
    catalog: Catalog
    queue: Queue
    staging: Staging
    direct: DirectUploads
    idempotency_keys: IdempotencyKeys
    usage: Usage
    listing: Listing
    survey: Survey
    resends: Resends
    debts: Debts
    sweep_turns: Turns
    dead_letters: Queue
    topic: Topic

    async def finish(self) -> None:
        """Wait for what is under way; afterwards the process may be stopped, or frozen, without harm."""
        await self.staging.finish()
        await self.queue.finish()
        await self.dead_letters.finish()


@asynccontextmanager
async def open_storage(settings: Settings) -> AsyncIterator[Storage]:
    """The parts, ready to use; leaving the context waits for what is under way. Makes no call to AWS by itself."""
    async with clients(settings, "sqs", "dynamodb") as (client, dynamodb), open_sqs(client, settings) as sqs:
        bucket = Bucket(object_store(settings), object_store(settings, settings.public_endpoint_s3))
        await bucket.warm_up()
        objects = Objects(bucket)
        queue = Queue(client, sqs, settings)
        table = Table(dynamodb, settings.table)
        usage = Usage(table, Quota(settings.quota_images, settings.quota_bytes))
        staging = Staging(objects, queue, usage)
        storage = Storage(
            objects=objects,
            catalog=Catalog(table, usage),
            queue=queue,
            staging=staging,
            direct=DirectUploads(settings),
            idempotency_keys=IdempotencyKeys(dynamodb, settings.table, settings.idempotency_seconds),
            usage=usage,
            listing=Listing(settings),
            survey=Survey(dynamodb, settings.table),
            resends=Resends(dynamodb, settings.table),
            debts=Debts(dynamodb, settings.table),
            sweep_turns=Turns(dynamodb, settings.table, "sweep"),
            dead_letters=Queue(client, sqs, replace(settings, queue=settings.dead_letter_queue)),
            topic=Topic(settings),
        )
        try:
            yield storage
        finally:
            await storage.finish()
            await storage.direct.close()
            await storage.listing.close()
            await storage.topic.close()
            # A thread of obstore's that has just handed over a result still needs the interpreter for a moment; if the
            # process ends in it, Python (before 3.14) aborts.
            await asyncio.sleep(GRACE_SECONDS)
