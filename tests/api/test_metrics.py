"""`GET /metrics`: what happened to uploads, in the words of Prometheus."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from service import version
from service.images import new_image_id
from service.settings import Settings
from service.settings.setting import MIB
from service.storage.provision import provision
from tests.api.supervised import samples, supervised, upload
from tests.backstage import backstage_of, until
from tests.conftest import settings_at
from tests.driver import Client, client_of
from tests.faults.between import NOTHING_THERE
from tests.forms import FORM, file_part, form
from tests.pictures import exactly, jpeg
from tests.wire import connected

Figures = dict[tuple[str, ...], float]
OTHERS = "cloud_images_other_requests_total"
QUEUE = "cloud_images_queue_messages"
DEAD = ("cloud_images_dead_letters",)


@pytest.fixture
async def fresh(settings: Settings) -> AsyncIterator[Client]:
    """A user of a service that nobody has used yet."""
    async with client_of(settings, "alice") as client:
        yield client


async def figures(client: Client) -> Figures:
    """All samples."""
    return samples((await client.get("/metrics")).body.decode())


def uploads(shown: Figures) -> dict[tuple[str, ...], float]:
    """Verdict and code of uploads, and how many."""
    return {
        (verdict, code): value
        for (name, *labels), value in shown.items()
        if name == "cloud_images_uploads_total" and value
        for code, verdict in [labels]
    }


async def test_before_anything_has_happened(fresh: Client) -> None:
    """Zero, and not nothing; for everybody, and in the form that scrapers ask for."""
    async with fresh.session.get(f"{fresh.url}/metrics") as answer:
        assert answer.status == 200
        assert answer.content_type == "text/plain"
        shown = samples(await answer.text())
    assert shown["cloud_images_uploads_total", "", "accepted"] == 0
    assert shown["cloud_images_accepted_bytes_total",] == 0
    assert shown["cloud_images_accept_seconds_bucket", "+Inf"] == 0
    assert shown["cloud_images_requests_under_way",] == 0
    assert not [name for name, *_ in shown if not name.startswith("cloud_images_")]
    openmetrics = await fresh.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert openmetrics.headers["Content-Type"].startswith("application/openmetrics-text")
    assert openmetrics.body.endswith(b"# EOF\n")


async def test_verdicts(fresh: Client) -> None:
    """Each upload counts once, by its answer; what is no upload does not count."""
    photo = jpeg().data
    body = form(file_part(photo, "image/jpeg"))
    assert (await fresh.upload(photo)).status == 202
    assert (await fresh.upload(body, FORM)).status == 202
    assert (await fresh.upload(photo, Prefer="wait=1")).status == 202
    assert (await fresh.upload(photo, "image/png")).code == "signature_mismatch"
    assert (await fresh.upload(photo[:400])).code == "truncated_image"
    assert (await fresh.upload(photo[:400])).code == "truncated_image"
    assert (await fresh.as_user(" ").upload(photo)).code == "invalid_user_id"
    assert (await fresh.get("/v1/images?limit=x")).code == "invalid_parameter"
    assert (await fresh.get("/nowhere")).code == "not_found"
    shown = await figures(fresh)
    assert uploads(shown) == {
        ("accepted", ""): 3,
        ("refused", "signature_mismatch"): 1,
        ("refused", "truncated_image"): 2,
        ("refused", "invalid_user_id"): 1,
    }
    assert shown["cloud_images_accepted_bytes_total",] == 2 * len(photo) + len(body)
    assert shown["cloud_images_accept_seconds_count",] == 2, "without the one that waited for the worker"
    assert 0 < shown["cloud_images_accept_seconds_sum",] < 60
    assert shown["cloud_images_requests_under_way",] == 0


async def test_an_upload_under_way_and_one_that_is_given_up(fresh: Client) -> None:
    """The client's own end is nobody's refusal."""

    async def under_way(wanted: int) -> bool:
        return (await figures(fresh))["cloud_images_requests_under_way",] == wanted

    async with connected(fresh) as wire:
        await wire.send(upload()[:1000])
        await until(partial(under_way, 1))
        wire.cut()
    await until(partial(under_way, 0))
    assert uploads(await figures(fresh)) == {("abandoned", ""): 1}


async def test_while_aws_is_away(settings: Settings) -> None:
    """That is no fault of the upload."""
    async with client_of(replace(settings, endpoint_s3=NOTHING_THERE), "alice") as client:
        assert (await client.upload(jpeg().data)).code == "s3_unavailable"
        assert uploads(await figures(client)) == {("unavailable", "s3_unavailable"): 1}


async def test_the_version(fresh: Client) -> None:
    """Which one answers, so that a dashboard shows when another came."""
    shown = await figures(fresh)
    assert shown["cloud_images_build_info", version.installed()] == 1


async def test_other_requests(fresh: Client) -> None:
    """By route and class of status; what is no call of the API does not count."""
    assert (await fresh.get("/v1/images")).status == 200
    assert (await fresh.get("/v1/images?limit=x")).status == 400
    assert (await fresh.get(f"/v1/images/{new_image_id()}")).status == 404
    assert (await fresh.as_user(" ").get("/v1/usage")).status == 401
    assert (await fresh.ask("PUT", "/v1/usage")).status == 405
    assert (await fresh.get("/healthz")).status == 200
    assert (await fresh.get("/v1/nowhere")).status == 404
    shown = await figures(fresh)
    counted = {tuple(labels): value for (name, *labels), value in shown.items() if name == OTHERS}
    assert counted == {
        ("GET /v1/images", "2xx"): 1,
        ("GET /v1/images", "4xx"): 1,
        ("GET /v1/images/{image_id}", "4xx"): 1,
        ("GET /v1/usage", "4xx"): 1,
    }


async def test_the_depth_of_the_queue_and_of_its_dead_letters(endpoint: str) -> None:
    """As SQS tells it, a few seconds ago at most."""
    settings = settings_at(endpoint)
    await provision(settings)
    async with backstage_of(settings) as backstage, client_of(settings, "alice") as client:
        # Not ours: that S3 tells the queue of itself.
        before = await backstage.messages()
        for _ in range(3):
            assert (await client.upload(jpeg().data)).status == 202

        async def three_more() -> Figures | None:
            shown = await figures(client)
            return shown if shown[QUEUE, "waiting"] == before + 3 else None

        shown = await until(three_more, pause=0.5)
        assert (shown[QUEUE, "in_flight"], shown[QUEUE, "delayed"], shown[DEAD]) == (0, 0, 0)
        await replace(backstage, settings=replace(settings, queue=settings.dead_letter_queue)).send("not one of ours")

        async def dead() -> bool:
            return (await figures(client))[DEAD] == 1

        await until(dead, pause=0.5)
        assert (await figures(client))["cloud_images_queue_looks_failed_total",] == 0


async def test_a_queue_that_cannot_be_asked(settings: Settings) -> None:
    """Its figures are not there, instead of zero; all others are, and one more that says so."""
    async with client_of(replace(settings, dead_letter_queue="nowhere"), "alice") as client:
        shown = await figures(client)
        assert (QUEUE, "waiting") in shown
        assert DEAD not in shown
        assert shown["cloud_images_queue_looks_failed_total",] == 1
        assert (await figures(client))["cloud_images_queue_looks_failed_total",] == 1, "one look does for a while"
    async with client_of(replace(settings, endpoint_sqs=NOTHING_THERE), "alice") as client:

        async def failed() -> Figures | None:
            shown = await figures(client)
            return shown if shown["cloud_images_queue_looks_failed_total",] == 2 else None

        shown = await until(failed, pause=0.5)
        assert not {QUEUE, DEAD[0]} & {name for name, *_ in shown}
        assert shown["cloud_images_spool_memory_limit_bytes",] == settings.spool_memory


@pytest.mark.parametrize(("memory", "where"), [(32 * MIB, "memory"), (0, "disk")])
async def test_bytes_on_their_way_in(settings: Settings, memory: int, where: str) -> None:
    """In memory as long as that lasts, then on disk; none of them is left behind."""
    wanted = (f"cloud_images_spool_{where}_bytes",)
    async with client_of(replace(settings, spool_memory=memory), "alice") as client:

        async def there() -> Figures | None:
            shown = await figures(client)
            return shown if shown[wanted] > 200_000 else None

        async def gone() -> bool:
            return (await figures(client))[wanted] == 0

        async with connected(client) as wire:
            await wire.send(upload(exactly(400_000).data, "image/png")[:300_000])
            shown = await until(there)
            assert shown[wanted] <= 300_000
            assert shown["cloud_images_spool_memory_limit_bytes",] == memory
            assert shown["cloud_images_spool_disk_free_bytes",] > MIB
            wire.cut()
        await until(gone)


async def test_what_a_dead_process_had_in_its_spool_is_gone(settings: Settings, tmp_path: Path) -> None:
    """Its budget as well, until there is another one; what it has counted stays."""
    memory, limit = ("cloud_images_spool_memory_bytes",), ("cloud_images_spool_memory_limit_bytes",)
    async with supervised(settings, tmp_path) as service:
        for _ in range(20):
            assert (await service.ask(upload())).status == 202
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(upload(exactly(400_000).data, "image/png")[:300_000])

        async def there() -> bool:
            return (await service.metrics())[memory] > 200_000

        async def gone() -> bool:
            shown = await service.metrics()
            return shown[memory] == 0 and shown[limit] == 2 * settings.spool_memory

        await until(there)
        assert (await service.metrics())[limit] == 2 * settings.spool_memory
        os.kill(service.owner(writer.get_extra_info("sockname")[1]), signal.SIGKILL)
        assert await reader.read() == b""
        writer.close()
        await until(gone)
        assert (await service.metrics())["cloud_images_uploads_total", "", "accepted"] == 20
