"""Pictures that exhaust, crash or hang a decoder, through HTTP, queue and worker: each ends, and harms no neighbour."""

import asyncio
import hashlib
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from service.settings import Settings
from service.storage import Storage, open_storage
from service.storage.objects import VARIANTS
from service.storage.provision import provision
from tests.backstage import Backstage, backstage_of, final, until, working
from tests.cage.hijack import doing, hijackable
from tests.cage.poison import POISON
from tests.conftest import settings_at
from tests.driver import Client, client_of
from tests.pictures import SOUND, jpeg_progressive, noise
from worker.decoder import Decoders, open_decoders
from worker.verdict import NotSound, Sound

PATIENT_SECONDS = 120.0
"""As long as a busy machine may take for what an idle one does in two."""
REJECTED = {"jpeg_scans", "png_text", "png_texts", "png_profile", "gif_no_colours"}
"""The others are sound pictures, however odd."""
DELIVERIES = 2
FATAL = {
    # what a decoder does at the picture: the reason in its record
    "ctypes.string_at(0)": "decoder_crashed",
    "while True: pass": "decode_timeout",
    "bytearray(1 << 32)": "decoder_out_of_memory",
    "lie(lambda header, blobs: blobs.__setitem__(0, b'<html>'))": "decoder_crashed",
}


@pytest.fixture(scope="module")
async def settings(endpoint: str) -> Settings:
    """With time enough to decode anything, and few deliveries."""
    made = settings_at(endpoint, max_deliveries=DELIVERIES, decode_seconds=PATIENT_SECONDS)
    await provision(made)
    return made


@pytest.fixture(scope="module")
async def storage(settings: Settings) -> AsyncIterator[Storage]:
    """Of these settings."""
    async with open_storage(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
async def backstage(settings: Settings) -> AsyncIterator[Backstage]:
    """Of these settings."""
    async with backstage_of(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
async def client(settings: Settings) -> AsyncIterator[Client]:
    """Of these settings."""
    async with client_of(settings, "poisoner") as made:
        yield made


async def upload(client: Client, data: bytes, content_type: str) -> str:
    """The id of an accepted upload."""
    answer = await client.upload(io.BytesIO(data), content_type)
    assert answer.status == 202, answer
    return str(answer.json["image_id"])


async def neighbours(client: Client, many: int) -> list[str]:
    """The ids of innocent uploads of another user."""
    innocent = client.as_user("neighbour")
    return [await upload(innocent, jpeg_progressive().data, "image/jpeg") for _ in range(many)]


async def settled(client: Client, image_id: str) -> Any:
    """The record of an image, however long that takes."""

    async def known() -> Any:
        answer = await client.get(f"/v1/images/{image_id}", Prefer="wait=5")
        return answer.json if answer.json["status"] != "queued" else None

    async with asyncio.timeout(2 * PATIENT_SECONDS):
        while not (record := await known()):
            pass
    return record


async def test_exhausting_pictures_end(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """Ready, or rejected with a reason, at the first delivery; the neighbours are ready."""
    assert len(POISON) > 25
    async with working(settings, storage, decoders):
        others, images = [], {}
        for name, picture in POISON.items():
            images[name] = await upload(client, picture.data, picture.content_type)
            others += await neighbours(client, 1)
        records = {name: await settled(client, image_id) for name, image_id in images.items()}
        good = [await settled(client.as_user("neighbour"), image_id) for image_id in others]
    assert {record["status"] for record in good} == {"ready"}
    assert {name for name, record in records.items() if record["status"] != "ready"} == REJECTED
    assert {records[name]["reason"]["code"] for name in REJECTED} == {"corrupt_image"}
    assert await backstage.dead_letters() == []


async def test_fatal_pictures_fail(
    client: Client,
    settings: Settings,
    storage: Storage,
    backstage: Backstage,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """With a reason, after the last delivery, their messages among the dead letters; the neighbours are ready."""
    quick = replace(settings, decode_seconds=4.0)
    with hijackable(tmp_path_factory.mktemp("hole")):
        async with open_decoders(quick, VARIANTS) as holed, working(quick, storage, holed):
            images = {misdeed: await upload(client, *doing(misdeed)) for misdeed in FATAL}
            others = await neighbours(client, 6)
            reasons = {misdeed: await final(client, image_id) for misdeed, image_id in images.items()}
            good = [await final(client.as_user("neighbour"), image_id) for image_id in others]
            letters: set[str] = set()

            async def dead() -> bool:
                letters.update(json.loads(body)["image_id"] for body in await backstage.dead_letters())
                return len(letters) >= len(FATAL)

            await until(dead)
    assert [record["status"] for record in good] == ["ready"] * 6
    assert {misdeed: record["reason"]["code"] for misdeed, record in reasons.items()} == FATAL
    assert {record["status"] for record in reasons.values()} == {"failed"}
    assert letters == set(images.values())


def damaged() -> list[tuple[bytes, str]]:
    """Every small sound picture, cut off at some places and overwritten at others."""
    made = []
    for picture in SOUND:
        whole = picture.data
        if len(whole) > 60_000 or picture.frames > 100:
            continue
        for part in (1, 2, 3):
            made.append((whole[: len(whole) * part // 4], picture.content_type))
        for seed in range(3):
            at = int.from_bytes(hashlib.sha256(f"{picture.name} {seed}".encode()).digest()[:4]) % len(whole)
            made.append((whole[:at] + noise(8, seed) + whole[at + 8 :], picture.content_type))
    return made


async def test_no_damage_costs_a_process(decoders: Decoders) -> None:
    """What the intake would not even let pass has a verdict, too; none is the death of a decoder."""
    verdicts = [await decoders.decode(data, content_type) for data, content_type in damaged()]
    assert len(verdicts) > 150
    assert any(isinstance(verdict, Sound) for verdict in verdicts)
    assert any(isinstance(verdict, NotSound) for verdict in verdicts)
