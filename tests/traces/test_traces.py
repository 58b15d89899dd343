"""One upload is one trace, from the client's own span across the queue to the end of the worker's part in it."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.settings import Settings
from tests.api.processes import started
from tests.backstage import Backstage, backstage_of, final, until
from tests.bad_pictures import ONLY_DECODING_TELLS
from tests.direct import arrive, form_for
from tests.driver import Client
from tests.pictures import jpeg
from tests.traces.collector import Collector, collecting
from tests.traces.running import Log, service, variables

SERVICE_SIDE = ("POST /v1/images", "stage", "send message")
WORKER_SIDE = ("process message", "fetch", "decode", "store", "record")
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TITLE = "TitleOfAVeryPrivatePicture"


@pytest.fixture(scope="module")
async def backstage(settings: Settings) -> AsyncIterator[Backstage]:
    async with backstage_of(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
async def collector() -> AsyncIterator[Collector]:
    async with collecting() as made:
        yield made


@pytest.fixture(scope="module")
async def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    return Log(tmp_path_factory.mktemp("traces") / "log")


@pytest.fixture(scope="module")
async def traced(settings: Settings, collector: Collector, log: Log) -> AsyncIterator[Client]:
    """A client of a service that runs beside a worker; both are processes and send traces."""
    known = variables(settings, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url + "/", MAX_DELIVERIES="1")
    async with service(known, log.path) as client, started(known, "worker", output=log.path):
        yield client


async def test_an_upload_is_one_trace(traced: Client, collector: Collector, log: Log) -> None:
    """With the client's span as the root, a link besides, and nothing of whose it is or what it shows."""
    data = jpeg().data
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=value"}
    answer = await traced.upload(data, path=f"/v1/images?title={TITLE}", **headers)
    image_id = answer.json["image_id"]
    assert (await final(traced, image_id))["status"] == "ready"
    spans = await collector.about(image_id, *SERVICE_SIDE, *WORKER_SIDE)
    assert {spans[name].trace for name in (*SERVICE_SIDE, *WORKER_SIDE)} == {TRACE}
    request, send, process = spans["POST /v1/images"], spans["send message"], spans["process message"]
    assert [span.parent for span in (request, spans["stage"], send, process)] == [
        PARENT,
        request.id,
        request.id,
        send.id,
    ]
    assert {spans[name].parent for name in WORKER_SIDE[1:]} == {process.id}
    assert process.links == (send.id,)
    assert [span.kind for span in (request, send, process)] == ["server", "producer", "consumer"]
    assert {span.service for span in (request, send)} == {"cloud-images-service"}
    assert {spans[name].service for name in WORKER_SIDE} == {"cloud-images-worker"}
    assert process.state == "vendor=value"
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/v1/images",
        "url.path": "/v1/images",
        "url.scheme": "http",
        "http.request.body.size": len(data),
        "http.response.status_code": 202,
        "cloud_images.image_id": image_id,
    }
    assert process.attributes == {
        "messaging.system": "aws_sqs",
        "messaging.destination.name": send.attributes["messaging.destination.name"],
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "cloud_images.delivery": 1,
        "cloud_images.image_id": image_id,
        "cloud_images.status": "ready",
    }
    assert not any(span.failed for span in spans.values())
    for line in ({"logger": "service.http.access", "status": 202}, {"logger": "worker.account"}):
        assert (await log.line(**line, image_id=image_id))["trace_id"] == TRACE
    for secret in (TITLE, "alice", data[200:230]):
        assert (secret.encode() if isinstance(secret, str) else secret) not in collector.raw


async def test_uploads_that_share_a_request_to_sqs_have_a_trace_each(traced: Client, collector: Collector) -> None:
    answers = await asyncio.gather(*(traced.upload(jpeg().data) for _ in range(8)))
    traces = set()
    for answer in answers:
        spans = await collector.about(answer.json["image_id"], *SERVICE_SIDE, *WORKER_SIDE)
        assert spans["process message"].parent == spans["send message"].id
        assert spans["POST /v1/images"].parent == ""
        traces.add(spans["record"].trace)
    assert len(traces) == len(answers)


async def test_a_refusal_has_its_code(traced: Client, collector: Collector) -> None:
    """It is the client's fault, so its span has not failed."""
    answer = await traced.upload(b"<svg>", traceparent=f"00-{'a' * 32}-{PARENT}-01")
    assert answer.status == 400
    (span,) = await collector.wait_for(lambda spans: [one for one in spans if one.trace == "a" * 32])
    assert (span.attributes["error.type"], span.failed) == (answer.code, False)
    assert span.attributes["http.response.status_code"] == 400


async def test_a_rejection_and_a_failure_of_the_worker(
    traced: Client, collector: Collector, backstage: Backstage
) -> None:
    """The first is an outcome, the second an error by its code; it comes once more, and that is a span of its own."""
    bad = ONLY_DECODING_TELLS["png_pixels_cut"]
    rejected = (await traced.upload(bad.data, bad.content_type)).json["image_id"]
    process = (await collector.about(rejected, "process message"))["process message"]
    assert process.attributes["cloud_images.status"] == "rejected"
    assert process.attributes["cloud_images.reason"] == (await final(traced, rejected))["reason"]["code"]
    assert not process.failed

    await backstage.send("no JSON")
    undecodable = await collector.wait_for(
        lambda spans: [one for one in spans if one.attributes.get("error.type") == "undecodable_message"]
    )
    assert all(one.failed and one.parent == "" and one.name == "process message" for one in undecodable)


async def test_a_direct_upload_begins_a_trace_where_s3_tells_of_it(
    traced: Client, collector: Collector, backstage: Backstage
) -> None:
    """Its form and its arrival may be hours apart."""
    given = await form_for(traced)
    await arrive(traced, backstage, given, jpeg().data)
    spans = await collector.about(given["image_id"], "process message", "stage", "send message", "decode", "record")
    admission = spans["send message"].parent
    (first,) = [one for one in collector.spans if one.id == admission]
    assert (first.name, first.parent) == ("process message", "")
    assert spans["process message"].parent == spans["send message"].id


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": "00-" + "0" * 32 + f"-{PARENT}-01"},
        {"traceparent": f"ff-{TRACE}-{PARENT}-01"},
        {"traceparent": f"00-{TRACE}-{PARENT}-01-more"},
        {"traceparent": "x" * 7_000},
        {"traceparent": "é\t"},
        {"traceparent": f"00-OWN-{PARENT}-01", "tracestate": "a=" + "x" * 7_000},
        {"traceparent": f"00-OWN-{PARENT}-01", "tracestate": "no state, = at=all,,,"},
        {"traceparent": f"00-OWN-{PARENT}-01", "tracestate": ",".join(f"k{n}=v" for n in range(60))},
        {"baggage": "user=" + "x" * 7_000},
    ],
)
async def test_hostile_headers_do_no_harm(
    traced: Client, collector: Collector, log: Log, headers: dict[str, str]
) -> None:
    """A context that is none begins a trace anew, a state that is none is left out; nothing of it is logged."""
    own = uuid.uuid4().hex
    sent = {name: text.replace("OWN", own) for name, text in headers.items()}
    answer = await traced.upload(jpeg().data, **sent)
    assert answer.status == 202, answer
    spans = await collector.about(answer.json["image_id"], "POST /v1/images", "process message")
    assert spans["process message"].parent == spans["send message"].id
    assert spans["POST /v1/images"].trace != TRACE
    assert spans["POST /v1/images"].parent == (PARENT if own in sent.get("traceparent", "") else "")
    assert spans["process message"].state == ""
    assert not [line for line in log.lines if line["logger"].startswith("opentelemetry")]


async def test_paths_that_are_none_of_ours(traced: Client, collector: Collector) -> None:
    """Whatever clients ask for, there are few names of spans, and neither tokens nor queries in them."""
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"
    parent = f"00-{'c' * 32}-{PARENT}-01"
    await traced.ask("GET", f"/{token}?token={token}", headers={"traceparent": parent})
    await traced.ask("PROPFIND", "/v1/images?pot=secret-pot", headers={"traceparent": parent})
    spans = await collector.wait_for(
        lambda spans: found if len(found := [one for one in spans if one.trace == "c" * 32]) == 2 else []
    )
    assert {span.name for span in spans} == {"GET", "HTTP"}
    assert token.encode() not in collector.raw
    assert b"secret-pot" not in collector.raw


async def test_a_message_that_is_given_back_keeps_its_trace(
    settings: Settings, collector: Collector, backstage: Backstage, tmp_path: Path
) -> None:
    """A worker that stops sends it anew; so does `redrive` with a dead letter."""
    name = settings.queue + "-again"
    more = {"IMAGE_QUEUE": name, "IMAGE_DEAD_LETTER_QUEUE": f"{name}-dlq", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    known = variables(settings, **more)
    async with started(known, "provision") as provision:
        assert await provision.wait() == 0
    log = Log(tmp_path / "log")
    async with service(known, log.path) as client:
        answer = await client.upload(jpeg().data)
        image_id = answer.json["image_id"]
        first = await collector.about(image_id, "send message")
        url = (await backstage.sqs.get_queue_url(QueueName=name))["QueueUrl"]

        # A message whose bytes have been changed does not work, however often it comes.
        await backstage.put_staged("alice", image_id, b"something else")
        async with started({**known, "MAX_DELIVERIES": "1"}, "worker", output=log.path):
            failed = await collector.about(image_id, "process message")
            assert failed["process message"].attributes["error.type"] == "staged_bytes_differ"
            assert failed["process message"].failed

            async def dead() -> bool:
                left = await backstage.sqs.get_queue_attributes(
                    QueueUrl=url.replace(name, f"{name}-dlq"), AttributeNames=["ApproximateNumberOfMessages"]
                )
                return bool(int(left["Attributes"]["ApproximateNumberOfMessages"]))

            await until(dead)
        async with started(known, "redrive") as redrive:
            assert await redrive.wait() == 0
        await backstage.put_staged("alice", image_id, jpeg().data)
        async with started(known, "worker", output=log.path):
            spans = await collector.about(image_id, "record")
    assert {span.trace for span in spans.values()} == {first["send message"].trace}
    assert spans["process message"].parent == first["send message"].id
