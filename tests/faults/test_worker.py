"""A worker during an outage: it holds what it has in hand, and makes no dead letters of other people's troubles."""

import sys
from dataclasses import replace

import pytest

from service.images import Receipt
from service.settings import Settings
from service.storage import Storage, open_storage
from service.storage.objects import VARIANTS
from service.storage.provision import provision
from tests.backstage import backstage_of, final, until, whole, working
from tests.conftest import settings_at
from tests.driver import Client, client_of
from tests.faults.between import elsewhere, relay_to
from tests.pictures import jpeg_progressive
from worker import consumer
from worker.decoder import Decoders, open_decoders
from worker.processing import Retry, process

SOME_TRIES = 3
"""More connections than the clients make by themselves for one call."""


@pytest.mark.parametrize("part", ["s3", "dynamodb"])
async def test_an_upload_in_hand_outlasts_an_outage(
    endpoint: str, decoders: Decoders, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """Within one delivery: a second one would make it a dead letter here."""
    monkeypatch.setattr(consumer, "PAUSE_SECONDS", 0.1)
    settings = settings_at(endpoint, max_deliveries=1)
    await provision(settings)
    async with (
        backstage_of(settings) as backstage,
        relay_to(endpoint) as relay,
        open_storage(elsewhere(settings, part, relay.url)) as storage,
        client_of(settings, "alice") as client,
    ):
        image_id = (await client.upload(jpeg_progressive().data)).json["image_id"]
        relay.cut()
        async with working(settings, storage, decoders):

            async def tried() -> bool:
                return relay.tries > SOME_TRIES

            await until(tried)
            assert (await client.get(f"/v1/images/{image_id}")).json["status"] == "queued"
            relay.mend()
            record = await final(client, image_id)
        assert record["status"] == "ready"
        assert await backstage.keys_of("alice") == whole(image_id)
        assert (await backstage.messages(), await backstage.dead_letters()) == (0, [])


async def test_a_worker_that_looks_into_a_bucket_that_is_not_there_throws_nothing_away(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders
) -> None:
    """No bucket is another thing than no object: the upload is somewhere, and its message must stay."""
    receipt = await queued(client, storage)
    async with open_storage(replace(settings, bucket=f"{settings.bucket}-not")) as other:
        outcome = await process(receipt, other, decoders)
    assert isinstance(outcome, Retry)
    assert outcome.outage


async def test_a_decoder_that_cannot_be_started_is_no_fault_of_the_upload(
    client: Client, settings: Settings, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the system has no more processes to give: else every upload there is would soon be a dead letter."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    async with open_decoders(settings, VARIANTS) as decoders:
        outcome = await process(await queued(client, storage), storage, decoders)
    assert isinstance(outcome, Retry)
    assert outcome.outage


async def queued(client: Client, storage: Storage) -> Receipt:
    """Upload a picture; returns what its message says."""
    image_id = (await client.upload(jpeg_progressive().data)).json["image_id"]
    receipt = await storage.objects.staged_receipt(client.user, image_id)
    assert receipt
    return receipt
