"""What SQS may do with a message: twice at once, in another order, once more after its deletion: one image."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from service.settings import Settings
from service.storage import open_storage
from service.storage.provision import provision
from tests.backstage import Backstage, backstage_of, final, until, whole, working
from tests.conftest import settings_at
from tests.driver import Client, client_of
from tests.faults.kinds import stale
from tests.faults.proxy import Proxy, proxy_to, through
from tests.faults.receiving import Receiving
from tests.pictures import jpeg_progressive
from worker.decoder import Decoders

IMAGES = 8
DATA = jpeg_progressive().data


@dataclass(frozen=True)
class Queued:
    """A user with images that wait for workers, and a proxy before the queue."""

    settings: Settings
    client: Client
    backstage: Backstage
    proxy: Proxy
    ids: list[str]

    async def made_once(self) -> None:
        """Wait until all are ready; there is one of each, in its first version, and nothing else."""
        records = [await final(self.client, image_id) for image_id in self.ids]
        assert {(record["status"], record["version"]) for record in records} == {("ready", 1)}
        keys = {key for image_id in self.ids for key in whole(image_id)}

        async def at_rest() -> bool:
            return await self.backstage.keys_of(self.client.user) == keys and not await self.backstage.messages()

        await until(at_rest)
        images = (await self.client.get("/v1/images")).json["images"]
        assert sorted(image["image_id"] for image in images) == sorted(self.ids)
        assert await self.backstage.dead_letters() == []


@pytest.fixture
async def queued(endpoint: str) -> AsyncIterator[Queued]:
    """With a queue of its own."""
    settings = settings_at(endpoint, visibility_seconds=2, max_deliveries=1000)
    await provision(settings)
    async with (
        proxy_to(endpoint) as proxy,
        client_of(settings, "alice") as client,
        backstage_of(settings) as backstage,
    ):
        answers = await asyncio.gather(*(client.upload(DATA) for _ in range(IMAGES)))
        yield Queued(settings, client, backstage, proxy, [answer.json["image_id"] for answer in answers])


@asynccontextmanager
async def workers(queued: Queued, decoders: Decoders, count: int) -> AsyncIterator[None]:
    """So many, each with connections of its own."""
    settings = through(queued.settings, queued.proxy, ("sqs",))
    async with AsyncExitStack() as opened:
        for _ in range(count):
            storage = await opened.enter_async_context(open_storage(settings))
            await opened.enter_async_context(working(replace(settings, worker_concurrency=8), storage, decoders))
        yield


async def test_the_same_messages_to_two_workers_at_once_in_another_order(queued: Queued, decoders: Decoders) -> None:
    """Each gets all that the other gets, with the same receipt handles."""
    receiving = Receiving(random.Random(1), again=1.0)
    queued.proxy.received = receiving
    async with workers(queued, decoders, 2):
        await queued.made_once()
    assert receiving.repeated >= IMAGES


async def test_messages_that_come_back_after_their_deletion(queued: Queued, decoders: Decoders) -> None:
    """SQS says that they are deleted, as it does of a stale receipt handle, and they are not."""
    with queued.proxy.breaking("sqs DeleteMessageBatch", stale) as rule:
        async with workers(queued, decoders, 1):

            async def come_back() -> bool:
                return rule.met >= 2 * IMAGES

            for image_id in queued.ids:
                assert (await final(queued.client, image_id))["status"] == "ready"
            edited = f"/v1/images/{queued.ids[0]}"
            assert (await queued.client.ask("PATCH", edited, json={"title": "Mine"})).status == 200
            deleted = f"/v1/images/{queued.ids.pop()}"
            assert (await queued.client.ask("DELETE", deleted)).status == 204
            await until(come_back)
            assert (await queued.client.get(edited)).json["title"] == "Mine"
            assert (await queued.client.get(deleted)).status == 404
            assert (await queued.client.ask("PATCH", edited, json={"title": None})).json["version"] == 3
    images = (await queued.client.get("/v1/images")).json["images"]
    assert {image["image_id"] for image in images} == set(queued.ids)
    async with workers(queued, decoders, 1):

        async def empty() -> bool:
            return not await queued.backstage.messages()

        await until(empty)


async def test_a_long_poll_that_never_ends(queued: Queued, decoders: Decoders, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up a little after its time, and the next one brings what there is; the worker goes on."""
    monkeypatch.setattr("service.storage.aws.CALL_SECONDS", 1.0)
    with queued.proxy.breaking("sqs ReceiveMessage", "hang") as rule:
        async with workers(queued, decoders, 1):

            async def twice() -> bool:
                return rule.met >= 2

            await until(twice)
            rule.over = True
            monkeypatch.undo()
            await queued.made_once()
