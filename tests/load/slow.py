"""Many slow uploads at once, as a process of its own: `python -m tests.load.slow`.

Reads a `Slow` as JSON from stdin and writes what came of it as JSON to stdout. The uploads begin one after another over
`stagger` seconds and take `seconds` each, so their ends are spread over as much time as their beginnings, as those of
independent clients are.
"""

import asyncio
import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import uvloop

from tests.load.generator import Connection

ROOT = Path(__file__).parents[2]
STEP = 16 * 1024
"""Bytes written at once: what a few segments of a mobile network bring."""
HEAD_BYTES = 4096
ANSWER_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class Slow:
    """`count` uploads of the bytes in the file `request`."""

    port: int
    request: str
    count: int
    stagger: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Result:
    """Statuses, and from when to when (seconds, monotonic clock) all uploads were sending; `ended`: the last answer."""

    all_under_way: float
    first_complete: float
    ended: float
    statuses: dict[str, int] = field(default_factory=dict)


async def upload(slow: Slow) -> Result:
    """All uploads."""
    request = memoryview(await asyncio.to_thread(Path(slow.request).read_bytes))
    statuses: dict[str, int] = {}
    began: list[float] = []
    complete: list[float] = []
    origin = time.monotonic()

    async def one(number: int) -> None:
        begin = origin + slow.stagger * number / slow.count
        outcome = "none"
        try:
            await asyncio.sleep(begin - time.monotonic())
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(Connection, "127.0.0.1", slow.port)
            began.append(time.monotonic())
            for at in range(0, len(request), STEP):
                due = begin + slow.seconds * at / len(request)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if connection.answer.done():
                    break
                connection.transport.write(request[at : at + STEP])
            complete.append(time.monotonic())
            async with asyncio.timeout(ANSWER_SECONDS):
                outcome = str((await connection.answer)[0])
            connection.transport.close()
        except (OSError, TimeoutError):
            pass
        statuses[outcome] = statuses.get(outcome, 0) + 1

    await asyncio.gather(*(one(number) for number in range(slow.count)))
    return Result(
        all_under_way=max(began, default=0.0),
        first_complete=min(complete, default=0.0),
        ended=time.monotonic(),
        statuses=statuses,
    )


def start(slow: Slow) -> "subprocess.Popen[str]":
    """The uploads under way in a process of its own; `finish` has what came of them."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.load.slow"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(asdict(slow)))
    process.stdin.close()
    return process


def finish(process: "subprocess.Popen[str]") -> Result:
    """Wait for the last answer."""
    assert process.stdout is not None
    with process:
        said = process.stdout.read()
    return Result(**json.loads(said))


def main() -> None:
    """From stdin to stdout."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    json.dump(asdict(uvloop.run(upload(Slow(**json.load(sys.stdin))))), sys.stdout)


if __name__ == "__main__":
    main()
