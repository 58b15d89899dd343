"""Between PUT and message: an upload becomes whole or leaves nothing, whatever happens to the send or the client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import aiohttp
import pytest

from service.settings import Settings
from service.storage import Storage
from tests.backstage import Backstage, drain, until, whole
from tests.driver import Client, client_of
from tests.faults.between import Sqs, sqs_before
from tests.pictures import jpeg_progressive
from tests.wire import connected, head
from worker.decoder import Decoders

DOOMED, FINE = 5, 7


@pytest.fixture
async def sqs(endpoint: str) -> AsyncIterator[Sqs]:
    """SQS with a fault to come."""
    async with sqs_before(endpoint) as before:
        yield before


@pytest.fixture
async def user(client: Client, settings: Settings, sqs: Sqs) -> AsyncIterator[Client]:
    """A user of a service that sends to that SQS."""
    async with client_of(replace(settings, endpoint_sqs=sqs.url), client.user) as made:
        yield made


async def test_a_batch_of_which_sqs_takes_only_some(
    user: Client, sqs: Sqs, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """Each upload gets its own verdict, though SQS answers 200."""
    sqs.doomed = "doomed"
    sqs.hold()
    titles = ["doomed"] * DOOMED + ["fine"] * FINE
    uploads = asyncio.gather(
        *(user.upload(jpeg_progressive().data, path=f"/v1/images?title={title}") for title in titles)
    )
    await sqs.arrived(DOOMED + FINE - 1)  # the first alone, ten together, and one that waits for the first
    sqs.release()
    answers = await uploads
    assert any(1 <= sum("doomed" in body for body in batch) < len(batch) for batch in sqs.batches), sqs.batches
    assert [answer.status for answer in answers] == [503] * DOOMED + [202] * FINE
    for answer in answers[:DOOMED]:
        assert (answer.code, int(answer.headers["Retry-After"]) > 0) == ("sqs_unavailable", True)
    accepted = {answer.json["image_id"] for answer in answers[DOOMED:]}
    await drain(settings, storage, decoders)
    images = (await user.get("/v1/images")).json["images"]
    assert {image["image_id"]: image["status"] for image in images} == dict.fromkeys(accepted, "ready")
    assert await backstage.keys_of(user.user) == {key for image_id in accepted for key in whole(image_id)}


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "not_taken"])
async def test_a_client_that_is_gone_before_its_answer(
    user: Client, sqs: Sqs, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage, taken: bool
) -> None:
    """Its bytes are staged and the send is under way when the connection breaks; the work goes on to its end."""
    data = jpeg_progressive().data
    sqs.doomed = None if taken else user.user
    sqs.hold()
    async with connected(user) as wire:
        await wire.send(head(user, "Content-Type: image/jpeg", f"Content-Length: {len(data)}"), data)
        await sqs.arrived()
        wire.cut()
    assert (await user.get("/healthz")).status == 200  # so the service has seen the other one go by now
    assert len(await backstage.keys_of(user.user)) == 1
    sqs.release()
    if taken:
        await until(backstage.messages)
        await drain(settings, storage, decoders)
        (image,) = (await user.get("/v1/images")).json["images"]
        assert image["status"] == "ready"
        assert await backstage.keys_of(user.user) == whole(image["image_id"])
    else:
        await backstage.nothing_of(user.user)
        assert await backstage.messages() == 0


async def test_a_service_that_stops_finishes_what_it_has_begun(
    client: Client, sqs: Sqs, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """It accepts nobody any more, but the upload whose send is under way becomes an image."""
    service = AsyncExitStack()
    user = await service.enter_async_context(client_of(replace(settings, endpoint_sqs=sqs.url), client.user))
    sqs.hold()
    async with aiohttp.ClientSession() as session:
        patient = Client(session, user.url, user.user)
        upload = asyncio.create_task(patient.upload(jpeg_progressive().data))
        await sqs.arrived()
        stopping = asyncio.create_task(service.aclose())

        async def closed() -> bool:
            if not user.session.closed:  # that comes first; a connection just then might be accepted and forgotten
                return False
            try:
                async with connected(user):
                    return False
            except ConnectionError:
                return True

        await until(closed)
        sqs.release()
        answer = await upload
        await stopping
    assert answer.status == 202
    await drain(settings, storage, decoders)
    assert await backstage.keys_of(user.user) == whole(answer.json["image_id"])
