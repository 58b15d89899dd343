"""Bucket, table or queue is deleted under a running service and worker, and made again: they are never restarted."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from service.settings import Settings
from service.storage import open_storage
from service.storage.aws import clients
from service.storage.provision import provision
from tests.backstage import Backstage, backstage_of, final, until, working
from tests.conftest import settings_at
from tests.driver import Answer, Client, client_of
from tests.pictures import jpeg_progressive
from worker import consumer, deliveries
from worker.decoder import Decoders

DATA = jpeg_progressive().data


@pytest.fixture(autouse=True)
def brisk() -> Iterator[None]:
    """Pauses that a test can wait for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(consumer, "PAUSE_SECONDS", 0.1)
        patch.setattr(deliveries, "PAUSE_SECONDS", 0.1)
        yield


@dataclass(frozen=True)
class Place:
    """A service whose worker runs, and the clients with which somebody meddles in AWS."""

    settings: Settings
    client: Client
    backstage: Backstage
    dynamodb: Any

    async def image(self) -> str:
        """An image that went the whole way; its id."""
        answer = await self.client.upload(DATA)
        assert answer.status == 202, answer
        image_id = str(answer.json["image_id"])
        assert (await final(self.client, image_id))["status"] == "ready"
        return image_id


@pytest.fixture
async def place(endpoint: str, decoders: Decoders) -> AsyncIterator[Place]:
    """With names in AWS of its own."""
    settings = settings_at(endpoint)
    await provision(settings)
    async with (
        client_of(settings, "alice") as client,
        open_storage(settings) as storage,
        working(settings, storage, decoders),
        backstage_of(settings) as backstage,
        clients(settings, "dynamodb") as (dynamodb,),
    ):
        yield Place(settings, client, backstage, dynamodb)


async def without_bucket(place: Place) -> None:
    """Delete all objects and the bucket."""
    bucket = place.settings.bucket
    for user, names in (await place.backstage.keys()).items():
        for name in names:
            folder, _, rest = name.partition("/")
            await place.backstage.s3.delete_object(Bucket=bucket, Key=f"{folder}/{user}/{rest}")
    await place.backstage.s3.delete_bucket(Bucket=bucket)


async def without_table(place: Place) -> None:
    """Delete the table."""
    await place.dynamodb.delete_table(TableName=place.settings.table)


async def without_queue(place: Place) -> None:
    """Delete the queue."""
    url = (await place.backstage.sqs.get_queue_url(QueueName=place.settings.queue))["QueueUrl"]
    await place.backstage.sqs.delete_queue(QueueUrl=url)


def says(answer: Answer, part: str) -> None:
    """Check that the answer says that this part is not there."""
    assert (answer.status, answer.code) == (503, f"{part}_unavailable"), answer
    assert int(answer.headers["Retry-After"]) > 0


GONE: dict[str, Callable[[Place], Awaitable[None]]] = {
    "s3": without_bucket,
    "sqs": without_queue,
    "dynamodb": without_table,
}


@pytest.mark.parametrize("part", GONE)
async def test_it_is_said_and_goes_on_when_it_is_there_again(place: Place, part: str) -> None:
    """`/readyz` names the part; what needs it gets a 503, and never is an image taken for gone with its bucket."""
    image_id = await place.image()
    path = f"/v1/images/{image_id}"

    async def seen() -> bool:
        ready = await place.client.get("/readyz")
        return ready.status == 503 and {name for name, said in ready.json["checks"].items() if said != "ok"} == {part}

    await GONE[part](place)
    await until(seen)
    upload = await place.client.upload(DATA)
    edit = await place.client.ask("PATCH", path, json={"title": "a"})
    if part == "dynamodb":
        assert upload.status == 202, "an upload as such needs no table"
        says(await place.client.get(path), part)
        says(await place.client.get("/v1/images"), part)
        says(await place.client.upload(DATA, Idempotency_Key="1"), part)
        says(await place.client.ask("DELETE", path), part)
        says(edit, part)
    else:
        says(upload, part)
        assert (await place.client.get(path)).json["status"] == "ready"
        assert edit.status == 200
    if part == "s3":
        says(await place.client.get(f"{path}/content"), part)
        says(await place.client.get("/v1/images?status=queued"), part)
        says(await place.client.ask("DELETE", path), part)
    with suppress(ClientError):
        await provision(place.settings)

    async def ready() -> bool:
        return (await place.client.get("/readyz")).status == 200

    await until(ready)
    if part == "dynamodb":
        assert (await final(place.client, upload.json["image_id"]))["status"] == "ready"
    await place.image()
    assert await place.backstage.dead_letters() == []
