"""What the load test sends gets the answers that it expects."""

import random
from collections import Counter
from io import BytesIO

import pytest

from service.settings import Settings
from service.storage import Storage
from tests.driver import Client, drain
from tests.forms import FORM
from tests.load.mix import SOUND, Refusal, choose, refusals
from tests.uploads import in_pieces
from worker.decoder import Decoders

REFUSALS = {refusal.name: refusal for refusal in refusals()}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
async def test_a_bad_upload_is_refused_for_the_reason_that_is_expected(refusal: Refusal, client: Client) -> None:
    body = in_pieces(refusal.body) if refusal.chunked else BytesIO(refusal.body)
    answer = await client.upload(body, refusal.content_type)
    assert (answer.status, answer.code) == (400, refusal.code)


async def test_a_sound_upload_becomes_ready(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders
) -> None:
    for sound in SOUND:
        for body, content_type in ((sound.picture.data, sound.picture.content_type), (sound.form, FORM)):
            answer = await client.upload(BytesIO(body), content_type)
            assert (answer.status, answer.json["sha256"]) == (202, sound.sha256), sound.picture
    await drain(settings, storage, decoders)
    images = (await client.get("/v1/images?limit=200")).json["images"]
    assert [image["status"] for image in images] == ["ready"] * 2 * len(SOUND)


def test_all_kinds_come_by_their_weight() -> None:
    chosen = Counter(choose(random.Random(seed)).picture.content_type for seed in range(2000))
    assert chosen.keys() == {"image/jpeg", "image/png", "image/gif", "image/webp", "image/avif"}
    assert chosen["image/jpeg"] > 0.6 * chosen.total()
    assert len({sound.picture.name for sound in SOUND}) == len(SOUND)
