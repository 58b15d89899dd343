"""`GET /metrics`: what happened to uploads, in the words of Prometheus."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import pytest

from service.settings import Settings
from tests.api.supervised import samples, upload
from tests.backstage import until
from tests.driver import Client, client_of
from tests.faults.between import NOTHING_THERE
from tests.forms import FORM, file_part, form
from tests.pictures import jpeg
from tests.wire import connected

Figures = dict[tuple[str, ...], float]


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
