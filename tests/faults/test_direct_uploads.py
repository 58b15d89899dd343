"""Direct uploads while AWS is away, while the worker dies, and of what somebody else puts there: none is lost."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from service.intake.structure import Limits
from service.settings import Settings
from service.storage import Storage, open_storage
from service.storage.notifications import Arrival
from service.storage.provision import provision
from tests.backstage import Backstage, backstage_of, drain, final, until, working
from tests.conftest import settings_at
from tests.direct import arrive, at_rest, event, form_for, key_of, only_image, path_of, post
from tests.driver import Client, client_of
from tests.faults.between import elsewhere, relay_to, sqs_before
from tests.pictures import jpeg_progressive, noise
from worker import deliveries
from worker.admission import admit
from worker.decoder import Decoders
from worker.processing import Done, Retry

DATA = jpeg_progressive().data
PARTS = ("s3", "sqs", "dynamodb")
LIMITS = Limits(50_000_000, 32_767, 900)
SOME_TRIES = 3
SHORT_CALL_SECONDS = 3
"""The time limit of a call, while a test waits for it."""
HUGE = 48 * 1024 * 1024
"""Bytes: more than all buffers on the way hold together."""


@pytest.mark.parametrize("fault", ["cut", "hang"])
async def test_an_outage_while_it_is_admitted(
    client: Client,
    settings: Settings,
    storage: Storage,
    backstage: Backstage,
    decoders: Decoders,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    """The worker is told to try again; the file is still there, and nothing of it was made visible."""
    await drain(settings, storage, decoders)
    users = {part: client.as_user(f"{client.user}-{part}") for part in PARTS}
    forms = {part: await form_for(user) for part, user in users.items()}
    async with AsyncExitStack() as opened:
        relays, storages = {}, {}
        for part, user in users.items():
            assert await post(user, forms[part], DATA) is None
            relays[part] = await opened.enter_async_context(relay_to(str(getattr(settings, f"endpoint_{part}"))))
            away = elsewhere(settings, part, relays[part].url)
            storages[part] = await opened.enter_async_context(open_storage(away))
            getattr(relays[part], fault)()

        async def admitted(part: str) -> Done | Retry:
            return await admit(Arrival(users[part].user, forms[part]["image_id"]), storages[part], LIMITS)

        with monkeypatch.context() as patch:
            patch.setattr("service.storage.aws.CALL_SECONDS", SHORT_CALL_SECONDS)
            outcomes = await asyncio.gather(*map(admitted, PARTS))
        for part, outcome in zip(PARTS, outcomes, strict=True):
            assert isinstance(outcome, Retry)
            assert (outcome.outage, outcome.reason.code) == (True, f"{part}_unavailable")
            assert f"direct/{forms[part]['image_id']}" in await backstage.keys_of(users[part].user)
            assert (await users[part].get(path_of(forms[part]))).json["status"] == "queued"
            relays[part].mend()
            assert isinstance(await admitted(part), Done)
    await drain(settings, storage, decoders)
    for part, user in users.items():
        await only_image(user, backstage, forms[part], DATA)


async def test_a_worker_outlasts_an_outage(endpoint: str, decoders: Decoders, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within one delivery: a second one would make a dead letter here."""
    monkeypatch.setattr(deliveries, "PAUSE_SECONDS", 0.1)
    await asyncio.gather(*(outlast(settings_at(endpoint, max_deliveries=1), part, decoders) for part in PARTS))


async def outlast(settings: Settings, part: str, decoders: Decoders) -> None:
    """A worker from which a part of AWS goes while a direct upload waits for it."""
    await provision(settings)
    async with (
        client_of(settings, "alice") as client,
        backstage_of(settings) as backstage,
        relay_to(str(settings.endpoint_s3)) as relay,
        open_storage(elsewhere(settings, part, relay.url)) as storage,
    ):
        given = await form_for(client)
        await arrive(client, backstage, given, DATA)
        relay.cut()
        async with working(settings, storage, decoders):

            async def tried() -> bool:
                return relay.tries > SOME_TRIES

            await until(tried)
            assert (await client.get(path_of(given))).json["status"] == "queued"
            relay.mend()
            assert (await final(client, given["image_id"]))["status"] == "ready"
        await only_image(client, backstage, given, DATA)


async def test_a_message_that_cannot_be_sent_is_sent_later(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """SQS answers 200 and takes it all the same not. After five deliveries `failed`; brought back it becomes ready."""
    await drain(settings, storage, decoders)
    given = await form_for(client, title="Rocket")
    async with sqs_before(str(settings.endpoint_sqs)) as sqs:
        away = elsewhere(settings, "sqs", sqs.url)
        sqs.doomed = given["image_id"]
        await arrive(client, backstage, given, DATA)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(deliveries, "OUTAGE_SECONDS", 0)
            async with open_storage(away) as other:
                await drain(away, other, decoders)
    record = (await client.get(path_of(given))).json
    assert (record["status"], record["reason"]["code"], record["title"]) == ("failed", "sqs_unavailable", "Rocket")
    assert (await client.get("/v1/images?status=failed")).json["images"] == [record]
    kept = {f"direct/{given['image_id']}", f"incoming/{given['image_id']}"}
    assert await backstage.keys_of(client.user) == kept, "nothing that may still be brought back goes"
    (dead,) = await backstage.dead_letters()
    assert key_of(given).rpartition("/")[2] in dead
    await backstage.send(dead)
    await drain(settings, storage, decoders)
    await only_image(client, backstage, given, DATA)


async def test_what_no_decoder_survives_fails_and_can_be_brought_back(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """As with an upload over HTTP; a second file under the same form changes nothing of that."""
    await drain(settings, storage, decoders)
    hasty = Decoders(replace(settings, decode_seconds=0), {})
    given = await form_for(client)
    await arrive(client, backstage, given, DATA)
    await drain(settings, storage, hasty)
    await hasty.close()
    record = (await client.get(path_of(given))).json
    assert (record["status"], record["reason"]["code"]) == ("failed", "decode_timeout")
    (dead,) = await backstage.dead_letters()
    await arrive(client, backstage, given, b"<html>")
    await backstage.send(dead)
    await drain(settings, storage, decoders)
    await only_image(client, backstage, given, DATA)


async def test_a_worker_that_dies_between_staging_and_sending(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """The notification comes again, and what is staged already is sent."""
    await drain(settings, storage, decoders)
    given = await form_for(client)
    await arrive(client, backstage, given, DATA)
    async with sqs_before(str(settings.endpoint_sqs)) as sqs:
        sqs.doomed = given["image_id"]
        async with open_storage(elsewhere(settings, "sqs", sqs.url)) as dying:
            assert isinstance(await admit(Arrival(client.user, given["image_id"]), dying, LIMITS), Retry)
    assert f"incoming/{given['image_id']}" in await backstage.keys_of(client.user)
    await drain(settings, storage, decoders)
    await only_image(client, backstage, given, DATA)


async def put(backstage: Backstage, given: Any, data: bytes) -> None:
    """Put a file there past the form, as somebody with rights in AWS can."""
    place = {"Bucket": backstage.settings.bucket, "Key": key_of(given)}
    await backstage.s3.put_object(**place, Body=data, ContentType="image/jpeg")


async def test_a_file_far_too_large(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """Is rejected by its size alone; the worker does not fetch it."""
    await drain(settings, storage, decoders)
    given = await form_for(client)
    await put(backstage, given, DATA + noise(HUGE))
    async with relay_to(str(settings.endpoint_s3)) as relay:
        async with open_storage(elsewhere(settings, "s3", relay.url)) as other:
            assert isinstance(await admit(Arrival(client.user, given["image_id"]), other, LIMITS), Done)
        assert relay.fetched < HUGE / 2
    await drain(settings, storage, decoders)
    record = (await client.get(path_of(given))).json
    assert (record["status"], record["reason"]["code"]) == ("rejected", "too_large")
    assert (record["size"], record["sha256"]) == (len(DATA) + HUGE, None)
    assert await backstage.keys_of(client.user) == set()
    await at_rest(backstage)


async def test_a_worker_that_looks_into_a_bucket_that_is_not_there(
    client: Client, settings: Settings, storage: Storage, backstage: Backstage
) -> None:
    """No bucket is another thing than no file: the notification must stay."""
    given = await form_for(client)
    await arrive(client, backstage, given, DATA)
    async with open_storage(replace(settings, bucket=f"{settings.bucket}-not")) as other:
        outcome = await admit(Arrival(client.user, given["image_id"]), other, LIMITS)
    assert isinstance(outcome, Retry)
    assert outcome.outage
    await backstage.send(event(key_of(given)))
