"""The benchmarks' own arithmetic: a figure that is wrong, or missing, must not look like one that is good."""

import asyncio
import resource
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from tests.load import bench, generator, measure, report, requests
from tests.load.goals import GOALS, Goal
from tests.load.outcome import NotMeasurable, Outcome

AT_MOST, AT_LEAST = Goal("cpu.a", "a cost", 2), Goal("cpu.b", "a rate", 4, at_least=True)


@pytest.mark.parametrize(
    ("goal", "value", "verdict"),
    [
        (AT_MOST, 2.0, "reached"),
        (AT_MOST, 2.01, "NOT REACHED"),
        (AT_MOST, float("nan"), "NOT REACHED"),
        (AT_LEAST, 4.0, "reached"),
        (AT_LEAST, 3.99, "NOT REACHED"),
        (AT_LEAST, float("nan"), "NOT REACHED"),
        (AT_MOST, "needs node", "NOT MEASURED: needs node"),
    ],
)
def test_the_table_tells_what_is_not_reached(goal: Goal, value: float | str, verdict: str) -> None:
    figures = report.figures([goal], {goal.key: value})
    assert report.table(figures).splitlines()[1].endswith(f"  {verdict}")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"cpu.a": 1.0, "cpu.b": 5.0}, report.ALL_REACHED),
        ({"cpu.a": 3.0, "cpu.b": 5.0}, report.SOME_NOT_REACHED),
        ({"cpu.a": 3.0, "cpu.b": "needs node"}, report.SOME_NOT_MEASURED),
        ({"cpu.a": 1.0}, report.SOME_NOT_MEASURED),
    ],
)
def test_the_exit_code_tells_it_too(values: dict[str, float | str], code: int) -> None:
    assert report.exit_code(report.figures([AT_MOST, AT_LEAST], values)) == code


@pytest.mark.parametrize("error", [NotMeasurable("needs node"), ZeroDivisionError("needs node")])
def test_a_row_that_fails_leaves_no_goal_out(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(folder: Path) -> Outcome:
        raise error

    values = bench.measured("cpu", fail).values
    assert values.keys() == {goal.key for goal in GOALS if goal.row == "cpu"}
    assert all("needs node" in str(value) for value in values.values())


def test_an_unknown_row_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.load.bench", "--only", "cpu,speed"],
        cwd=generator.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "there is no row speed; there are cpu, bytes," in done.stderr


def test_each_goal_has_a_row_that_measures_it() -> None:
    from tests.load.rows import ROWS

    assert tuple(ROWS) == bench.ROWS


@asynccontextmanager
async def _answering(*statuses: int) -> AsyncIterator[int]:
    """A server that gives these statuses in turn, and 202 after them; -1 closes the connection instead."""
    left = list(statuses)

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        status = left.pop(0) if left else 202
        if status < 0:
            assert request.transport is not None
            request.transport.close()
        return web.Response(status=abs(status), text="x" * 1000)

    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_the_generator_counts_what_it_did_not_ask_for_as_bad(tmp_path: Path) -> None:
    request = requests.saved(tmp_path, "request", requests.post("/", "image/jpeg", bytes(100_000)))
    async with _answering(503, 202, 400, 202, -1, 500) as port:
        load = generator.Load(port=port, request=request, expect=202, seconds=0.5, connections=2)
        result = await asyncio.to_thread(generator.run, load)
    assert result.bad == 4
    assert {status: result.statuses[status] for status in ("503", "400", "500", "none")} == {
        "503": 1,
        "400": 1,
        "500": 1,
        "none": 1,
    }
    assert result.count == len(result.samples) == result.statuses["202"] > 10


async def test_a_server_that_is_not_there_is_no_good_result(tmp_path: Path) -> None:
    request = requests.saved(tmp_path, "request", requests.get("/"))
    load = generator.Load(port=1, request=request, expect=200, seconds=0, connections=1)
    result = await asyncio.to_thread(generator.run, load)
    assert (result.count, result.bad) == (0, 1)


BUSY = """
import subprocess, sys, time
if len(sys.argv) == 1:
    subprocess.run([sys.executable, __file__, "child"])
while time.process_time() < 0.3: pass
print(flush=True)
sys.stdin.read()
"""


def test_cpu_is_that_of_all_children(tmp_path: Path) -> None:
    script = tmp_path / "busy.py"
    script.write_text(BUSY.replace('"child"]', '"child"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL'))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        measured = measure.cpu(process.pid)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used > 0.6
    assert measured == pytest.approx(used, rel=0.2)


def test_percentiles_are_of_the_values_themselves() -> None:
    assert measure.percentile(range(1, 101), 99) == 99
    assert measure.percentile(range(1, 1001), 99) == 990
    assert measure.percentile([7.0], 99) == 7.0


def test_ratios_are_taken_round_by_round() -> None:
    assert measure.ratio_of_rounds([1, 20, 300], [2, 20, 200]) == 1.0
