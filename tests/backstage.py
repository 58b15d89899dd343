"""The worker's side of a test: what lies in the queues, workers that run beside it, and the processes they start."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from service.settings import Settings
from service.storage import Storage
from service.storage.aws import clients
from service.storage.objects import ORIGINAL, VARIANTS
from tests import driver
from tests.driver import Client
from worker.consumer import Consumer
from worker.decoder import Decoders

SECONDS = 120
"""After that, what a test waits for will not come any more, on the busiest of machines."""


@dataclass(frozen=True)
class Backstage:
    """Looks into S3 and SQS, and puts messages into the queue, past the service."""

    settings: Settings
    s3: Any
    sqs: Any

    async def keys_of(self, user: str) -> set[str]:
        """All that S3 keeps of a user: `direct/<image>`, `incoming/<image>` and `images/<image>/<name>`."""
        listed = [
            await self.s3.list_objects_v2(Bucket=self.settings.bucket, Prefix=f"{folder}/{user}/")
            for folder in ("direct", "incoming", "images")
        ]
        return {one["Key"].replace(f"/{user}/", "/") for page in listed for one in page.get("Contents", ())}

    async def keys(self) -> dict[str, set[str]]:
        """All that S3 keeps, by users, each as `keys_of` has it."""
        found: dict[str, set[str]] = {}
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.settings.bucket)
        async for page in pages:
            for one in page.get("Contents", ()):
                folder, user, name = one["Key"].split("/", 2)
                found.setdefault(user, set()).add(f"{folder}/{name}")
        return found

    async def nothing_of(self, user: str) -> None:
        """Wait until S3 keeps nothing of a user: what is removed may go beside the answer."""

        async def nothing() -> bool:
            return not await self.keys_of(user)

        await until(nothing)

    async def put_staged(self, user: str, image_id: str, data: bytes) -> None:
        """Put other bytes in the place of the staged ones."""
        await self.s3.put_object(Bucket=self.settings.bucket, Key=f"incoming/{user}/{image_id}", Body=data)

    async def send(self, *bodies: str) -> None:
        """Send messages."""
        for body in bodies:
            await self.sqs.send_message(QueueUrl=await self._url(self.settings.queue), MessageBody=body)

    async def dead_letters(self) -> list[str]:
        """Take all dead letters there are."""
        url, taken = await self._url(self.settings.dead_letter_queue), []
        while messages := (await self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)).get("Messages"):
            for message in messages:
                taken.append(str(message["Body"]))
                await self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return taken

    async def messages(self) -> int:
        """How many messages the queue has, those under way and delayed ones included."""
        return await self._count("", "NotVisible", "Delayed")

    async def in_flight(self) -> int:
        """How many messages some worker has in hand."""
        return await self._count("NotVisible")

    async def _count(self, *parts: str) -> int:
        names = [f"ApproximateNumberOfMessages{part}" for part in parts]
        url = await self._url(self.settings.queue)
        answer = await self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return sum(map(int, answer["Attributes"].values()))

    async def _url(self, queue: str) -> str:
        url: str = (await self.sqs.get_queue_url(QueueName=queue))["QueueUrl"]
        return url


@asynccontextmanager
async def backstage_of(settings: Settings) -> AsyncIterator[Backstage]:
    """A look behind what these settings name."""
    async with clients(settings, "s3", "sqs") as (s3, sqs):
        yield Backstage(settings, s3, sqs)


def whole(image_id: str) -> set[str]:
    """The keys of a ready image, as `Backstage.keys_of` names them."""
    return {f"images/{image_id}/{name}" for name in (ORIGINAL, *VARIANTS)}


async def final(client: Client, image_id: str) -> Any:
    """The record of an image, as soon as it has one."""
    async with asyncio.timeout(SECONDS):
        while True:
            answer = await client.get(f"/v1/images/{image_id}", Prefer="wait=5")
            assert answer.status == 200, answer
            if answer.json["status"] != "queued":
                return answer.json


async def until(condition: Callable[[], Awaitable[Any]], pause: float = 0.02, seconds: float = SECONDS) -> Any:
    """Wait until the condition is true of something, and return that."""
    async with asyncio.timeout(seconds):
        while True:
            if found := await condition():
                return found
            await asyncio.sleep(pause)


async def drain(settings: Settings, storage: Storage, decoders: Decoders) -> None:
    """Let a worker run until the queue is empty; it ends at once then, as these tests drain often."""
    await driver.drain(replace(settings, poll_seconds=0), storage, decoders)


@asynccontextmanager
async def working(settings: Settings, storage: Storage, decoders: Decoders) -> AsyncIterator[None]:
    """A worker that runs as long as the context."""
    stop = asyncio.Event()
    task = asyncio.create_task(Consumer(settings, storage, decoders, stop).run())
    try:
        yield
    finally:
        stop.set()
        await task


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment of a process that shall have these settings."""
    values = {one.metadata["env"][0]: getattr(settings, one.name) for one in fields(settings)}
    texts = {name: str(int(value) if isinstance(value, bool) else value) for name, value in values.items()}
    given = {name: text for name, text in texts.items() if values[name] is not None}
    return {"PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", **given}


@asynccontextmanager
async def cloud_images(settings: Settings, *words: str) -> AsyncIterator[Process]:
    """A process of the command line; killed with the context, if it still lives then."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "service.cli", *words, env=environment_of(settings)
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def decoder_pids(parent: int | None = None) -> set[int]:
    """The decoder processes of a process, of this one by default."""
    parent = parent or os.getpid()
    return {int(folder.name) for folder in Path("/proc").glob("[0-9]*") if _is_decoder_of(parent, folder)}


def _is_decoder_of(parent: int, folder: Path) -> bool:
    try:
        return stat_of(int(folder.name))[1] == str(parent) and b"worker.decoder_child" in _words(folder)
    except OSError:  # it has ended meanwhile
        return False


def _words(folder: Path) -> list[bytes]:
    return (folder / "cmdline").read_bytes().split(b"\0")


def stat_of(pid: int) -> list[str]:
    """The fields of `/proc/<pid>/stat` from the third on: state, parent, …"""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()


def cpu_ticks(pid: int) -> int:
    """How much CPU a process has used, in clock ticks."""
    user, system = stat_of(pid)[11:13]
    return int(user) + int(system)


async def ended(*pids: int) -> None:
    """Wait until the processes have ended; one that nobody has reaped yet counts as ended."""

    async def gone() -> bool:
        return not any(map(_lives, pids))

    await until(gone)


def _lives(pid: int) -> bool:
    try:
        return stat_of(pid)[0] not in "ZX"
    except OSError:
        return False


def kill(*pids: int) -> None:
    """SIGKILL, also for one that has just ended by itself."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
