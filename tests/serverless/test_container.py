"""A container between and after its invocations: what it keeps, what it must not leave under way, and how it ends."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from service.container import Container
from service.settings import Settings
from service.storage import Storage
from tests.backstage import SECONDS, environment_of, stat_of, until
from tests.faults.between import Relay
from tests.functions import SERVICE, Function, function
from tests.outside import Outside
from tests.pictures import jpeg_progressive
from tests.serverless import away
from tests.serverless.away import all_of_aws
from tests.serverless.senders import HTTP_API, Caller

FROZEN_SECONDS = 1.5
PHOTO = jpeg_progressive()
PARTS = 3
"""S3, SQS and DynamoDB, with a connection each at least."""


@pytest.fixture(scope="module")
async def relayed(settings: Settings) -> AsyncIterator[tuple[Function, Relay]]:
    """A container, and what stands between it and AWS."""
    async with away.relayed(settings) as both:
        yield both


async def test_clients_are_made_once(relayed: tuple[Function, Relay], storage: Storage, user: str) -> None:
    """Later invocations go over the connections of the first ones."""
    container, relay = relayed
    caller = Caller(container, HTTP_API, user)
    await all_of_aws(caller, storage)
    made = relay.made
    assert made >= PARTS
    for _ in range(5):
        await all_of_aws(caller, storage)
    assert relay.made == made


@asynccontextmanager
async def frozen(container: Function) -> AsyncIterator[None]:
    """Nothing runs in the container as long as the context."""
    pid = container.process.pid

    async def stopped() -> bool:
        return stat_of(pid)[0] == "T"

    os.kill(pid, signal.SIGSTOP)
    try:
        await until(stopped)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_frozen_container_thaws(relayed: tuple[Function, Relay], storage: Storage, user: str) -> None:
    """Meanwhile all its connections have been closed by the other side."""
    container, relay = relayed
    caller = Caller(container, HTTP_API, user)
    for _ in range(2):
        await all_of_aws(caller, storage)
        async with frozen(container):
            relay.reset()
            await asyncio.sleep(FROZEN_SECONDS)
        await all_of_aws(caller, storage)


async def test_a_wait_ends_before_the_invocation_s_time(container: Function, user: str) -> None:
    """With the receipt; and the next invocation may wait again."""
    caller = Caller(container, HTTP_API, user)
    caller.seconds = 4.5
    start = time.monotonic()
    answer = await caller.upload(PHOTO.data, Prefer="wait=20")
    assert (answer.status, answer.json["status"]) == (202, "queued")
    assert time.monotonic() - start > 1
    assert container.left > 0
    caller.seconds = 29
    start = time.monotonic()
    answer = await caller.get(answer.headers["Location"], Prefer="wait=1")
    assert (answer.status, answer.json["status"]) == (200, "queued")
    assert time.monotonic() - start >= 1


async def test_without_time_nothing_waits(container: Function, outside: Outside, user: str) -> None:
    """What an invocation does otherwise it still does."""
    caller = Caller(container, HTTP_API, user)
    caller.seconds = 0
    start = time.monotonic()
    answer = await caller.upload(PHOTO.data, Prefer="wait=20")
    assert (answer.status, time.monotonic() - start < 15) == (202, True)
    assert f"incoming/{user}/{answer.json['image_id']}" in await outside.keys()


@pytest.mark.parametrize("end", ["stdin", "SIGTERM"])
def test_it_ends_in_silence(settings: Settings, end: str) -> None:
    """Also after an invocation."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.function_process", SERVICE],
        env=environment_of(settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert "ready" in process.stdout.readline()
    process.stdin.write('{"event": {"httpMethod": "GET", "path": "/readyz"}, "seconds": 29}\n')
    process.stdin.flush()
    assert '"statusCode": 200' in process.stdout.readline()
    if end == "SIGTERM":
        process.terminate()
    _, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, errors) == (-signal.SIGTERM if end == "SIGTERM" else 0, "")


def test_an_error_of_one_invocation_does_not_reach_the_next() -> None:
    """Which is on the same loop, with what was opened once; closing closes it."""
    said: list[str] = []

    @asynccontextmanager
    async def opening() -> AsyncIterator[asyncio.AbstractEventLoop]:
        said.append("opened")
        yield asyncio.get_running_loop()
        said.append("closed")

    async def work(opened: asyncio.AbstractEventLoop, error: BaseException | None) -> bool:
        if error is not None:
            raise error
        return opened is asyncio.get_running_loop()

    def run() -> None:
        container = Container(opening)
        container.open()
        for error in (ValueError("x"), asyncio.CancelledError(), TimeoutError(), RecursionError()):

            def failing(opened: asyncio.AbstractEventLoop, error: BaseException = error) -> Coroutine[Any, Any, bool]:
                return work(opened, error)

            with pytest.raises(type(error)):
                container.run(failing)
            assert container.run(lambda opened: work(opened, None))
        container.close()
        said.append("end")

    # A thread has no loop of pytest's that this one's could replace.
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert said == ["opened", "closed", "end"]


async def test_a_killed_container_leaves_nothing_to_the_next(settings: Settings) -> None:
    """What it could not remove is removed when one starts in the same place."""
    # Not pytest's own place: a socket's path has a hundred bytes at most.
    with tempfile.TemporaryDirectory() as place:
        async with function(SERVICE, settings, TMPDIR=place) as container:
            container.process.kill()
            await container.process.wait()
        (left,) = Path(place).iterdir()
        async with function(SERVICE, settings, TMPDIR=place):
            (folder,) = Path(place).iterdir()
            assert folder != left
