"""Load over keep-alive connections, as a process of its own: `python -m tests.load.generator`.

Reads a `Load` as JSON from stdin and writes what came of it as JSON to stdout. Every request that was begun is
counted: at the end each connection waits for its last answer.
"""

import asyncio
import json
import re
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import uvloop

from tests.load.measure import percentile

ROOT = Path(__file__).parents[2]
ANSWER_SECONDS = 60.0
HEAD = re.compile(rb"HTTP/1\.1 (\d{3})[^\r]*\r\n")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Load:
    """The same request again and again; `request` is a file of the bytes to send, `expect` the status that is good.

    Each connection asks once at least, however short `seconds` is.

    :param rate: requests per second over all connections together; None means as many as are answered.
    """

    port: int
    request: str
    expect: int
    seconds: float
    connections: int = 8
    rate: float | None = None


@dataclass(frozen=True, kw_only=True)
class Result:
    """`count` answers as expected in `seconds`, `bad` others or none.

    `samples` are when each good request began (seconds, monotonic clock) and how long it took.
    """

    count: int
    bad: int
    seconds: float
    statuses: dict[str, int] = field(default_factory=dict)
    samples: list[tuple[float, float]] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Good answers per second."""
        return self.count / self.seconds

    def p99(self, since: float = 0, until: float = float("inf")) -> float:
        """Seconds; of the requests that began and ended in that time."""
        return percentile([took for at, took in self.samples if at >= since and at + took <= until], 99)


class Connection(asyncio.Protocol):
    """One connection; `answered` gets the status of each answer and whether the connection goes on."""

    def __init__(self) -> None:
        self._buffer = b""
        self._needed = 0
        self.answer: asyncio.Future[tuple[int, bool]] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def ask(self, request: bytes) -> "asyncio.Future[tuple[int, bool]]":
        """Send a request; the future becomes its status, and whether another may follow on this connection."""
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.answer

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._needed:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            length = LENGTH.search(self._buffer, 0, end)
            self._needed = end + 4 + (int(length[1]) if length else 0)
        if len(self._buffer) < self._needed:
            return
        found = HEAD.match(self._buffer)
        going_on = not CLOSE.search(self._buffer, 0, self._needed)
        self._buffer, self._needed = self._buffer[self._needed :], 0
        if not self.answer.done():
            self.answer.set_result((int(found[1]) if found else 0, going_on))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(ConnectionResetError("closed without an answer"))


async def generate(load: Load) -> Result:
    """Put the load on the server."""
    request = await asyncio.to_thread(Path(load.request).read_bytes)
    statuses: dict[str, int] = {}
    samples: list[tuple[float, float]] = []
    begin = time.monotonic()
    end = begin + load.seconds
    pause = load.connections / load.rate if load.rate else 0.0

    async def keep_asking(number: int) -> None:
        connection: Connection | None = None
        slot = begin + pause * number / load.connections
        while True:
            await asyncio.sleep(max(0.0, slot - time.monotonic()) if pause else 0)
            at = time.monotonic()
            slot = max(slot + pause, at)
            outcome = "none"
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    if connection is None:
                        loop = asyncio.get_running_loop()
                        _, connection = await loop.create_connection(Connection, "127.0.0.1", load.port)
                    status, going_on = await connection.ask(request)
                outcome = str(status)
                if status == load.expect:
                    samples.append((at, time.monotonic() - at))
            except (OSError, TimeoutError):
                going_on = False
            statuses[outcome] = statuses.get(outcome, 0) + 1
            if not going_on and connection is not None:
                connection.transport.close()
                connection = None
            if time.monotonic() >= end:
                break
        if connection is not None:
            connection.transport.close()

    await asyncio.gather(*(keep_asking(number) for number in range(load.connections)))
    seconds = time.monotonic() - begin
    good = statuses.get(str(load.expect), 0)
    return Result(count=good, bad=sum(statuses.values()) - good, seconds=seconds, statuses=statuses, samples=samples)


def start(load: Load) -> "subprocess.Popen[str]":
    """The generator at work in a process of its own; `finish` has what came of it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.load.generator"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(asdict(load)))
    process.stdin.close()
    return process


def finish(process: "subprocess.Popen[str]") -> Result:
    """Wait for a generator's end."""
    assert process.stdout is not None
    with process:
        said = process.stdout.read()
    return Result(**json.loads(said))


def run(load: Load) -> Result:
    """Put a load on a server, from a process of its own."""
    return finish(start(load))


def main() -> None:
    """From stdin to stdout."""
    load = Load(**json.load(sys.stdin))
    result: dict[str, Any] = asdict(uvloop.run(generate(load)))
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
