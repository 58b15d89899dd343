"""What a worker shows of its work, when it is told a port: real processes, asked over HTTP."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import generate_latest

from service.images import Status
from service.settings import Settings
from service.storage import Storage, open_storage
from service.storage.messages import Delivery
from service.storage.provision import provision
from tests import bad_pictures
from tests.api.processes import started
from tests.api.records import record, settle
from tests.api.supervised import samples
from tests.backstage import (
    SECONDS,
    Backstage,
    backstage_of,
    decoder_pids,
    ended,
    environment_of,
    final,
    kill,
    until,
)
from tests.conftest import settings_at
from tests.driver import Client, client_of
from tests.faults.between import NOTHING_THERE
from tests.faults.stories import new_user
from tests.pictures import jpeg
from tests.showing import Figures, showing, summed
from worker import metrics
from worker.decoder import Decoders
from worker.deliveries import Deliveries
from worker.metrics import Metrics
from worker.shown import shown
from worker.sweep.report import Kind, Report

READY = ("cloud_images_processed_total", "", "ready")
DIED = ("cloud_images_decoder_deaths_total", "decoder_crashed")
UNDER_WAY = ("cloud_images_uploads_under_way",)


@pytest.fixture
async def own(endpoint: str) -> Settings:
    """Settings that no other test has."""
    settings = settings_at(endpoint, max_deliveries=2)
    await provision(settings)
    return settings


@pytest.fixture
async def alice(own: Settings) -> AsyncIterator[Client]:
    """A user of a service of her own."""
    async with client_of(own, "alice") as client:
        yield client


@pytest.fixture
async def behind(own: Settings) -> AsyncIterator[Backstage]:
    """A look behind that service."""
    async with backstage_of(own) as backstage:
        yield backstage


async def uploaded(client: Client, data: bytes | None = None, content_type: str = "image/jpeg") -> str:
    """Upload a picture; its id."""
    return str((await client.upload(data or jpeg().data, content_type)).json["image_id"])


async def test_before_anything_has_happened(own: Settings, tmp_path: Path) -> None:
    """What is rare is zero, and not nothing: Prometheus would not see it rise to one."""
    async with showing(own, tmp_path) as worker:
        shown = await worker.figures()
        for code in ("s3_unavailable", "sqs_unavailable", "dynamodb_unavailable"):
            assert shown["cloud_images_outages_total", code] == 0
        for code in ("decode_timeout", "decoder_out_of_memory", "decoder_crashed"):
            assert shown["cloud_images_decoder_deaths_total", code] == 0
        assert shown["cloud_images_ready_seconds_bucket", "+Inf"] == 0
        assert shown[UNDER_WAY] == 0
        assert not [name for name, *_ in shown if not name.startswith("cloud_images_")]
        assert await worker.health() == 200
        worker.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(worker.process.wait(), SECONDS) == 0


async def test_what_becomes_of_uploads(own: Settings, alice: Client, behind: Backstage, tmp_path: Path) -> None:
    """Each is counted once, however often its message comes; with its bytes, and with how long it took."""
    broken = next(iter(bad_pictures.ONLY_DECODING_TELLS.values()))
    async with showing(own, tmp_path) as worker:
        image_id = await uploaded(alice)
        assert (await final(alice, image_id))["status"] == "ready"
        rejected = await uploaded(alice, broken.data, broken.content_type)
        assert (await final(alice, rejected))["status"] == "rejected"
        shown = await worker.until(processed=2, uploads_under_way=0)
        assert shown[READY] == 1
        assert shown["cloud_images_processed_total", "corrupt_image", "rejected"] == 1
        assert shown["cloud_images_processed_bytes_total",] == len(jpeg().data) + len(broken.data)
        assert shown["cloud_images_ready_seconds_count",] == 1
        assert 0 < shown["cloud_images_ready_seconds_sum",] < 30
        assert shown["cloud_images_decode_seconds_count",] == 2
        assert 0 < shown["cloud_images_decode_seconds_sum",] < 30
        assert shown["cloud_images_decoder_starts_total",] in (1, 2)
        assert shown["cloud_images_queue_wait_seconds_count",] >= 2
        assert shown["cloud_images_queue_wait_seconds_sum",] < 30
        assert summed(shown, "retries") == 0


async def test_a_message_that_comes_twice(
    own: Settings, alice: Client, behind: Backstage, storage_of: Storage, tmp_path: Path
) -> None:
    """That is no second image."""
    image_id = await uploaded(alice)
    receipt = await storage_of.objects.staged_receipt("alice", image_id)
    assert receipt
    async with showing(own, tmp_path) as worker:
        assert (await final(alice, image_id))["status"] == "ready"
        await behind.send(receipt.message)
        shown = await worker.until(processed=2)
        assert shown[READY] == 1
        assert shown["cloud_images_processed_total", "", "repeated"] == 1
        assert shown["cloud_images_ready_seconds_count",] == 1


@pytest.fixture
async def storage_of(own: Settings) -> AsyncIterator[Storage]:
    """What that service keeps outside of itself."""
    async with open_storage(own) as storage:
        yield storage


async def test_deliveries_that_do_not_work(own: Settings, alice: Client, behind: Backstage, tmp_path: Path) -> None:
    """Each is counted by its reason; after the last one the upload has failed."""
    image_id = await uploaded(alice)
    await behind.put_staged("alice", image_id, b"others")
    await behind.send("not one of ours")
    async with showing(own, tmp_path) as worker:
        shown = await worker.until(retries=4, processed=1)
        assert (await final(alice, image_id))["status"] == "failed"
        assert shown["cloud_images_retries_total", "staged_bytes_differ"] == 2
        assert shown["cloud_images_retries_total", "undecodable_message"] == 2
        assert shown["cloud_images_processed_total", "staged_bytes_differ", "failed"] == 1
        assert shown["cloud_images_ready_seconds_count",] == 0


async def test_a_decoder_that_is_killed(own: Settings, alice: Client, behind: Backstage, tmp_path: Path) -> None:
    """Is counted, and the sums stay what they were."""
    async with showing(replace(own, decoders=1), tmp_path) as worker:
        await final(alice, await uploaded(alice))
        (pid,) = decoder_pids(worker.process.pid)
        kill(pid)
        await ended(pid)
        await final(alice, await uploaded(alice))
        shown = await worker.until(processed=2)
        assert shown[READY] == 2
        assert shown[DIED] == 1
        assert shown["cloud_images_decoder_starts_total",] == 2


async def test_sweeps(own: Settings, alice: Client, behind: Backstage, tmp_path: Path) -> None:
    """When the last one ended, and what it has found."""
    await behind.s3.put_object(Bucket=own.bucket, Key="incoming/nobody/knows/this", Body=b"?")
    async with showing(replace(own, sweep_after_seconds=0), tmp_path) as worker:
        shown = await worker.until(sweep_found=1)
        assert shown["cloud_images_sweep_found_total", "unknown_key", "left"] == 1
        assert 0 <= time.time() - shown["cloud_images_last_sweep_timestamp_seconds",] < 60
    async with showing(replace(own, sweep_seconds=0), tmp_path) as worker:
        assert ("cloud_images_last_sweep_timestamp_seconds",) not in await worker.figures()


def test_what_a_sweep_leaves() -> None:
    """Is what it has found and not repaired; one that is passed on in the middle is not one that has ended."""
    counted = Metrics(sweeps=True)
    report = Report()
    report.found[Kind.STORED_OF_GONE], report.repaired[Kind.STORED_OF_GONE] = 5, 3
    at = ("cloud_images_last_sweep_timestamp_seconds",)

    def shown() -> Figures:
        return samples(generate_latest(counted.registry).decode())

    before = shown()[at]
    counted.swept(report, whole=False)
    counted.sweep_broke_off()
    assert shown()[at] == before
    assert shown()["cloud_images_sweep_found_total", "stored_of_gone", "repaired"] == 3
    assert shown()["cloud_images_sweep_found_total", "stored_of_gone", "left"] == 2
    assert shown()["cloud_images_sweeps_broken_off_total",] == 1
    counted.swept(report, whole=True)
    assert shown()[at] > before


async def test_while_aws_is_away(own: Settings, tmp_path: Path) -> None:
    """It is counted which part; the worker is well, as a restart would mend nothing."""
    async with showing(replace(own, endpoint_sqs=NOTHING_THERE), tmp_path) as worker:

        async def away() -> bool:
            return (await worker.figures())["cloud_images_outages_total", "sqs_unavailable"] >= 2

        await until(away)
        assert await worker.health() == 200


async def test_a_worker_that_asks_the_queue_no_more(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is not well, until it does."""
    counted = Metrics(sweeps=False)
    monkeypatch.setattr(metrics, "DEAF_SECONDS", -1.0)
    async with (
        shown(counted, replace(own, worker_metrics_port=0)) as url,
        aiohttp.ClientSession() as session,
        session.get(f"{url}/healthz") as answer,
    ):
        assert (answer.status, (await answer.json())["status"]) == (503, "stuck")
        monkeypatch.undo()
        async with session.get(f"{url}/healthz") as again:
            assert again.status == 200


async def test_a_port_that_is_taken(own: Settings, tmp_path: Path) -> None:
    """Is said in one line, before any work is begun; a worker with `--burst` shows nothing and needs none."""
    async with showing(own, tmp_path) as worker:
        taken = replace(own, worker_metrics_port=int(worker.url.rpartition(":")[2]))
        async with started(environment_of(taken), "worker") as process:
            _, said = await asyncio.wait_for(process.communicate(), SECONDS)
        assert process.returncode == 2
        assert "WORKER_METRICS_PORT" in said.decode().splitlines()[-1]
        async with started(environment_of(taken), "worker", "--burst") as process:
            await asyncio.wait_for(process.communicate(), SECONDS)
        assert process.returncode == 0


async def test_without_a_port_nothing_is_loaded_for_it() -> None:
    """Neither the library nor a web server costs a worker anything that does not show its figures."""
    code = "import sys, service.cli.app, worker.run; print({'prometheus_client', 'aiohttp.web'} & set(sys.modules))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert out.decode().split() == ["set()"]


async def test_a_redriven_failure_without_bytes_is_no_second_one(
    settings: Settings, storage: Storage, decoders: Decoders
) -> None:
    """Its record has said so since the delivery that was counted."""
    known = record(new_user(), status=Status.FAILED)
    await settle(storage, known)
    counted = Metrics(sweeps=False)
    handling = Deliveries(settings, storage, decoders, asyncio.Event(), figures=counted)
    assert await handling.handle(Delivery(known.receipt.message, "no handle", 1)) is None
    found = {
        sample.labels["status"]: sample.value
        for family in counted.registry.collect()
        for sample in family.samples
        if sample.name == "cloud_images_processed_total"
    }
    assert found == {"repeated": 1}
