"""The whole way of one picture, with real processes: over HTTP into S3 and DynamoDB, and out again."""

import asyncio
import hashlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest
from PIL import Image

from service.settings import Settings
from service.storage import Storage
from tests.conftest import settings_at
from tests.driver import Client
from tests.local_aws import free_port

PHOTO = Path(__file__).parent / "photos" / "rocket.jpg"


@pytest.fixture(scope="module")
def environment(endpoint: str) -> dict[str, str]:
    """The environment of a user who has set what README says, with names of this module's own."""
    settings = settings_at(endpoint)
    return {
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT": endpoint,
        "IMAGE_BUCKET": settings.bucket,
        "IMAGES_TABLE": settings.table,
        "IMAGE_QUEUE": settings.queue,
        "IMAGE_DEAD_LETTER_QUEUE": settings.dead_letter_queue,
        "PORT": str(free_port()),
        "POLL_SECONDS": "1",
    }


@pytest.fixture(scope="module")
def settings(environment: dict[str, str]) -> Settings:
    """What the processes read from that environment."""
    return Settings.from_env(environment)


def cloud_images(environment: dict[str, str], *words: str) -> "subprocess.Popen[bytes]":
    """Start the command line."""
    return subprocess.Popen([sys.executable, "-m", "service.cli", *words], env=environment)


@contextmanager
def running(environment: dict[str, str], *words: str) -> Iterator[None]:
    """A process of the command line, which must end cleanly at SIGTERM."""
    process = cloud_images(environment, *words)
    try:
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


@pytest.fixture
async def client(environment: dict[str, str]) -> AsyncIterator[Client]:
    """A client of a service in a process of its own, everything provisioned."""
    assert cloud_images(environment, "provision").wait(60) == 0
    url = f"http://127.0.0.1:{environment['PORT']}"
    with running(environment, "serve"):
        async with aiohttp.ClientSession() as session:
            client = Client(session, url, "alice")
            await ready(client)
            yield client


async def ready(client: Client) -> None:
    """Wait until the service answers."""
    async with asyncio.timeout(120):
        while True:
            try:
                answer = await client.get("/readyz")
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)
                continue
            assert answer.status == 200, answer.body
            return


async def test_a_photo_goes_in_over_http_and_comes_out_of_s3(
    client: Client, environment: dict[str, str], storage: Storage
) -> None:
    """Upload, receipt, worker, record, original and variants, list, delete."""
    photo = PHOTO.read_bytes()
    accepted = await client.upload(photo)
    receipt = accepted.json
    assert accepted.status == 202
    assert accepted.headers["Location"] == f"/v1/images/{receipt['image_id']}"
    assert (receipt["status"], receipt["size"]) == ("queued", len(photo))
    assert receipt["sha256"] == hashlib.sha256(photo).hexdigest()
    assert (receipt["content_type"], receipt["width"], receipt["height"]) == ("image/jpeg", 640, 427)
    path = accepted.headers["Location"]
    assert (await client.get(path)).json == receipt

    assert cloud_images(environment, "worker", "--burst").wait(60) == 0

    record = (await client.get(path)).json
    assert record["status"] == "ready"
    assert {name: (v["width"], v["height"]) for name, v in record["variants"].items()} == {
        "thumb": (256, 171),
        "preview": (640, 427),
    }
    assert record["placeholder"]
    original = await client.get(f"{path}/content")
    assert (original.status, original.headers["Content-Type"]) == (200, "image/jpeg")
    assert original.body == photo
    for variant in record["variants"].values():
        shown = await client.get(variant["url"])
        with Image.open(io.BytesIO(shown.body)) as image:
            assert (image.format, image.size) == ("WEBP", (variant["width"], variant["height"]))
            assert len(shown.body) == variant["size"]
    assert (await client.get("/v1/images")).json == {
        "images": [record],
        "next_cursor": None,
        "direct_upload_from": None,
    }

    assert (await client.ask("DELETE", path)).status == 204
    assert (await client.get(path)).status == 404
    assert (await client.get("/v1/images")).json["images"] == []
    assert await storage.objects.open_image("alice", record["image_id"], "original") is None
    assert await storage.queue.is_empty()


async def test_waiting_for_a_running_worker(client: Client, environment: dict[str, str]) -> None:
    """With `Prefer: wait` and a worker, the answer is 201 and the record."""
    with running(environment, "worker"):
        created = await client.upload(PHOTO.read_bytes(), Prefer="wait=30")
        assert created.status == 201
        assert created.headers["Preference-Applied"] == "wait=30"
        assert created.json["status"] == "ready"
