"""Without somebody who collects traces there are none, and they cost nothing; and either side may go without."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from service import traces
from service.settings import Settings
from tests.api.processes import CREDENTIALS, run, started
from tests.backstage import final
from tests.faults.between import NOTHING_THERE
from tests.pictures import jpeg
from tests.traces.collector import collecting
from tests.traces.running import Log, service, variables

ASK = """
import asyncio, json, sys
import worker.run
from service.http.server import serving
from service.settings import Settings

async def main():
    async with serving(Settings.from_env()):
        print(json.dumps(sorted(sys.modules)))

asyncio.run(main())
"""
LOST = "raise ModuleNotFoundError(name='opentelemetry')"
MOST_MICROSECONDS = 5.0
"""For a span that nobody wants; it takes less than one."""
ATTRIBUTES: traces.Attributes = {"messaging.system": "aws_sqs"}


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": NOTHING_THERE, "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": NOTHING_THERE, "OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SERVICE_NAME": "mine"},
    ],
)
def test_nothing_of_opentelemetry_is_loaded(variables: dict[str, str]) -> None:
    known = {**CREDENTIALS, "AWS_ENDPOINT": NOTHING_THERE, "PORT": "0", **variables}
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=known, capture_output=True, text=True, timeout=120, check=True
    )
    loaded = json.loads(done.stdout)
    assert {"service.traces", "worker.run"} <= set(loaded)
    assert [name for name in loaded if name.startswith(("opentelemetry", "requests", "google"))] == []


def test_a_span_that_nobody_wants_costs_nothing() -> None:
    """Measured as the best of several rounds, in time of the processor."""
    assert not traces.are_on()
    rounds = []
    for _ in range(20):
        begin = time.thread_time()
        for _ in range(1000):
            with traces.span("send message", ATTRIBUTES, kind="producer") as span:
                assert span.context is None
        rounds.append((time.thread_time() - begin) / 1000)
    assert min(rounds) * 1e6 < MOST_MICROSECONDS


async def test_packages_that_are_missing_are_one_line(tmp_path: Path) -> None:
    """Of the service, of several processes, and of the worker alike."""
    (tmp_path / "opentelemetry.py").write_text(LOST)
    known = {
        **variables(Settings(), OTEL_EXPORTER_OTLP_ENDPOINT=NOTHING_THERE, AWS_ENDPOINT=NOTHING_THERE),
        "PYTHONPATH": str(tmp_path),
    }
    for words in (("serve",), ("serve", "--processes", "2"), ("worker",)):
        complaint = (await run(known, *words)).complaint
        assert "pip install 'cloud-image-service[traces]'" in complaint


async def test_a_protocol_that_there_is_not_is_one_line() -> None:
    known = variables(
        Settings(),
        OTEL_EXPORTER_OTLP_ENDPOINT=NOTHING_THERE,
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        AWS_ENDPOINT=NOTHING_THERE,
    )
    assert "OTEL_EXPORTER_OTLP_PROTOCOL" in (await run(known, "serve")).complaint


@pytest.mark.parametrize("side", ["serve", "worker"])
async def test_one_side_may_go_without(settings: Settings, tmp_path: Path, side: str) -> None:
    """The service says nothing, and the worker begins a trace; or the worker does not ask, and all is as ever."""
    log = Log(tmp_path / "log")
    async with collecting() as collector:
        quiet, told = variables(settings), variables(settings, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        async with (
            service(told if side == "serve" else quiet, log.path) as client,
            started(told if side == "worker" else quiet, "worker", output=log.path),
        ):
            image_id = (await client.upload(jpeg().data)).json["image_id"]
            assert (await final(client, image_id))["status"] == "ready"
            name = "process message" if side == "worker" else "POST /v1/images"
            spans = await collector.about(image_id, name)
        assert spans[name].parent == ""
        assert {span.service for span in collector.spans} == {
            "cloud-images-worker" if side == "worker" else "cloud-images-service"
        }
