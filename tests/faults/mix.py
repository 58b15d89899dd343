"""Users, workers and an AWS that fails at random, for a while; then all faults end, and what there is is compared.

`python -m tests.faults.mix 600` (`make faults SECONDS=600`) does so for that long against a local AWS of its own.
"""

import asyncio
import hashlib
import logging
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import aiohttp
from botocore.retries.standard import ExponentialBackoff

from service.storage import aws, open_storage, sqs
from service.storage.objects import VARIANTS
from service.storage.provision import provision
from tests import local_aws
from tests.backstage import Backstage, backstage_of, whole, working
from tests.conftest import settings_at
from tests.driver import Answer, Client, client_of
from tests.faults.kinds import KINDS
from tests.faults.proxy import proxy_to, through
from tests.faults.receiving import Receiving
from tests.faults.stories import new_user
from tests.pictures import jpeg_progressive
from worker import consumer, deliveries
from worker.decoder import open_decoders

USERS = 6
WORKERS = 2
CHANCE = 0.1
"""Of a call to meet a fault."""
AGAIN = 0.15
"""Of a message to come once more."""
CALL_SECONDS, PATIENT_SECONDS = 2.0, 60.0
"""The time limit of a call, while there are faults and afterwards."""
END_SECONDS = 300.0
"""How long after the last fault all may take to come to rest."""


def unique_picture(number: int) -> bytes:
    """A picture of which there is only one."""
    comment = number.to_bytes(8) + os.urandom(8)
    data = jpeg_progressive().data
    return data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2) + comment + data[2:]


@dataclass
class Ledger:
    """What the users know."""

    promised: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Image → user and SHA-256 of each acknowledged upload."""
    refused: set[str] = field(default_factory=set)
    """SHA-256 of uploads that got no promise; each of these may be there once, or not at all."""
    deleted: set[str] = field(default_factory=set)
    titles: dict[str, set[str]] = field(default_factory=dict)
    """The titles an image may have, the newest acknowledged one and those of edits whose answer did not come."""
    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class User:
    """Uploads, looks, edits and deletes, and holds the service to its answers."""

    def __init__(self, client: Client, ledger: Ledger, chance: random.Random) -> None:
        self._client = client
        self._ledger = ledger
        self._chance = chance
        self._ids: list[str] = []

    async def go_on(self, end: asyncio.Event) -> None:
        """One thing after the other, until the end."""
        while not end.is_set():
            does = self._chance.choices(
                [self._upload, self._look, self._list, self._fetch, self._edit, self._delete], [5, 3, 1, 4, 2, 1]
            )[0]
            if does == self._upload or self._ids:
                await does()

    async def _ask(self, what: str, method: str, path: str, good: set[int], **more: object) -> Answer | None:
        """The answer; None when it broke off."""
        start = time.monotonic()
        try:
            answer: Answer | None = await self._client.ask(method, path, **more)  # type: ignore[arg-type]
        except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            answer = None
        status = answer.status if answer else 0
        self._ledger.answers[f"{what} {status or 'broken off'}"] += 1
        if answer and status not in good and status != 503:
            self._ledger.wrong.append(f"{what}: {status} {answer.body[:200]!r}")
        if not answer and what != "fetch":
            self._ledger.wrong.append(f"{what} broke off")
        if time.monotonic() - start > 60:
            self._ledger.wrong.append(f"{what} took {time.monotonic() - start:.0f} s")
        return answer

    async def _upload(self) -> None:
        data = unique_picture(self._chance.randrange(2**62))
        digest = hashlib.sha256(data).hexdigest()
        headers = {"X-User-Id": self._client.user, "Content-Type": "image/jpeg"}
        if with_key := self._chance.random() < 0.5:
            headers["Idempotency-Key"] = digest
        if self._chance.random() < 0.2:
            headers["Prefer"] = "wait=1"
        for _ in range(3 if with_key else 1):
            answer = await self._ask("upload", "POST", "/v1/images", {201, 202}, data=data, headers=headers)
            if answer and answer.status in (201, 202):
                image_id = answer.json["image_id"]
                self._ledger.promised[image_id] = (self._client.user, digest)
                self._ledger.titles[image_id] = {""}
                self._ids.append(image_id)
                self._ledger.refused.discard(digest)
                return
            self._ledger.refused.add(digest)

    def _one(self) -> tuple[str, str]:
        image_id = self._chance.choice(self._ids)
        return image_id, f"/v1/images/{image_id}"

    async def _look(self) -> None:
        image_id, path = self._one()
        answer = await self._ask("look", "GET", path, {200}, headers={"Prefer": "wait=1"})
        if answer and answer.status == 200 and answer.json["sha256"] != self._ledger.promised[image_id][1]:
            self._ledger.wrong.append(f"look: another image than {image_id}")

    async def _list(self) -> None:
        status = self._chance.choice(["", "?status=queued"])
        await self._ask("list", "GET", f"/v1/images{status}", {200})

    async def _fetch(self) -> None:
        image_id, path = self._one()
        answer = await self._ask("fetch", "GET", f"{path}/content", {200, 409})
        if answer and answer.status == 200:
            digest = hashlib.sha256(answer.body).hexdigest()
            if digest != self._ledger.promised[image_id][1]:
                self._ledger.wrong.append(f"fetch: {len(answer.body)} other bytes of {image_id}")

    async def _edit(self) -> None:
        image_id, path = self._one()
        title = f"title {self._chance.random()}"
        self._ledger.titles[image_id].add(title)
        answer = await self._ask("edit", "PATCH", path, {200, 409}, json={"title": title})
        if answer and answer.status == 200:
            self._ledger.titles[image_id] = {title}
        elif answer and answer.status == 409:
            self._ledger.titles[image_id].discard(title)

    async def _delete(self) -> None:
        image_id, path = self._one()
        self._ids.remove(image_id)
        for _ in range(20):
            answer = await self._ask("delete", "DELETE", path, {204})
            if answer and answer.status == 204:
                self._ledger.deleted.add(image_id)
                return
        self._ids.append(image_id)


@dataclass(frozen=True)
class Outcome:
    """What a run was and what it left."""

    seconds: float
    calls: Counter[str]
    injected: Counter[str]
    repeated: int
    answers: Counter[str]
    acknowledged: int
    deleted: int
    refused: int
    staged_of_refused: int
    wrong: list[str]

    def lines(self) -> Iterator[str]:
        """A report."""
        yield f"{self.seconds:.0f} s; {self.calls.total()} calls to AWS, {self.injected.total()} of them broken"
        yield "faults: " + ", ".join(f"{kind} {count}" for kind, count in sorted(self.injected.items()))
        yield f"messages delivered once more: {self.repeated}"
        yield "answers: " + ", ".join(f"{what} {count}" for what, count in sorted(self.answers.items()))
        yield f"acknowledged {self.acknowledged}, of these deleted {self.deleted}; not acknowledged {self.refused},"
        yield f"of which {self.staged_of_refused} left staged bytes for the sweeper"
        yield f"lost, doubled, or otherwise wrong: {len(self.wrong)}"
        yield from self.wrong


@contextmanager
def brisk() -> Iterator[None]:
    """Time limits and pauses that a test can wait for."""
    with ExitStack() as stack:
        for module, name, value in (
            (aws, "CALL_SECONDS", CALL_SECONDS),
            (sqs, "LONGEST_PAUSE_SECONDS", 0.1),
            (consumer, "PAUSE_SECONDS", 0.1),
            (deliveries, "PAUSE_SECONDS", 0.1),
            (deliveries, "LONGEST_PAUSE_SECONDS", 1.0),
            (ExponentialBackoff, "delay_amount", lambda *_: 0.1),
        ):
            stack.enter_context(patch.object(module, name, value))
        yield


async def run(endpoint: str, seconds: float, seed: int) -> Outcome:
    """Let it go on for that long, then compare."""
    settings = settings_at(endpoint, visibility_seconds=5, max_deliveries=1000)
    await provision(settings)
    chance = random.Random(seed)
    kinds = list(KINDS)
    start, ledger, end = time.monotonic(), Ledger(), asyncio.Event()
    with brisk():
        async with AsyncExitStack() as opened:
            proxy = await opened.enter_async_context(proxy_to(endpoint))
            faulty = through(settings, proxy)
            client = await opened.enter_async_context(client_of(faulty, "-"))
            backstage = await opened.enter_async_context(backstage_of(settings))
            decoders = await opened.enter_async_context(open_decoders(settings, VARIANTS))
            receiving = Receiving(chance, AGAIN)
            proxy.received = receiving
            proxy.choose = lambda _: chance.choice(kinds) if chance.random() < CHANCE else None
            for _ in range(WORKERS):
                storage = await opened.enter_async_context(open_storage(faulty))
                await opened.enter_async_context(working(faulty, storage, decoders))
            users = [client.as_user(new_user()) for _ in range(USERS)]
            loop = asyncio.get_running_loop()
            loop.call_later(seconds, end.set)
            await asyncio.gather(*(User(one, ledger, chance).go_on(end) for one in users))
            proxy.choose = None
            receiving.stop()
            proxy.release()
            with patch.object(aws, "CALL_SECONDS", PATIENT_SECONDS):
                await _come_to_rest(ledger, backstage, users)
                staged = await _compare(ledger, backstage, users)
    return Outcome(
        seconds=time.monotonic() - start,
        calls=proxy.all,
        injected=proxy.injected,
        repeated=receiving.repeated,
        answers=ledger.answers,
        acknowledged=len(ledger.promised),
        deleted=len(ledger.deleted),
        refused=len(ledger.refused),
        staged_of_refused=staged,
        wrong=ledger.wrong,
    )


async def _come_to_rest(ledger: Ledger, backstage: Backstage, users: list[Client]) -> None:
    """Wait until the queue is empty: nobody is restarted."""
    end = time.monotonic() + END_SECONDS
    while left := await backstage.messages():
        if time.monotonic() > end:
            ledger.wrong.append(f"{left} messages are still in the queue")
            return
        await asyncio.sleep(0.2)


async def _compare(ledger: Ledger, backstage: Backstage, users: list[Client]) -> int:
    """Note what is not as it was promised; how many staged objects there are of uploads that got no promise."""
    wrong, staged = ledger.wrong, 0
    kept = await backstage.keys()
    for user in users:
        images = await _all_images(user)
        ids = [image["image_id"] for image in images]
        if len(set(ids)) != len(ids):
            wrong.append(f"doubled in the list of {user.user}")
        digests = Counter(image["sha256"] for image in images)
        wrong += [f"{count} images of one upload" for count in digests.values() if count > 1]
        promised = {one: digest for one, (owner, digest) in ledger.promised.items() if owner == user.user}
        missing = promised.keys() - set(ids) - ledger.deleted
        wrong += [f"lost: {image_id}" for image_id in missing]
        wrong += [f"came back: {image_id}" for image_id in ledger.deleted & set(ids)]
        for image in images:
            image_id = image["image_id"]
            if image["status"] != "ready":
                wrong.append(f"{image_id} is {image['status']}: {image['reason']}")
            elif image_id not in promised and image["sha256"] not in ledger.refused:
                wrong.append(f"nobody has uploaded {image_id}")
            elif image_id in promised and (image["title"] or "") not in ledger.titles[image_id]:
                wrong.append(f"{image_id} has the title {image['title']!r}")
            content = await user.get(f"/v1/images/{image_id}/content")
            if hashlib.sha256(content.body).hexdigest() != image["sha256"]:
                wrong.append(f"{image_id} has other bytes")
        expected = {key for image_id in ids for key in whole(image_id)}
        more = kept.get(user.user, set()) - expected
        wrong += [f"missing: {key}" for key in expected - kept.get(user.user, set())]
        left = {key for key in more if key.startswith("incoming/") and key.partition("/")[2] not in promised}
        staged += len(left)
        wrong += [f"left: {key}" for key in more - left]
    wrong += [f"dead letter: {body}" for body in await backstage.dead_letters()]
    return staged


async def _all_images(user: Client) -> list[dict[str, Any]]:
    images: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = (await user.get(f"/v1/images?limit=200{cursor}")).json
        images += page["images"]
        if page["next_cursor"] is None:
            return images
        cursor = f"&cursor={page['next_cursor']}"


def main(seconds: float, seed: int) -> int:
    """Run against a local AWS of its own, and print the report; 1 when something was wrong."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    logging.basicConfig(level=logging.ERROR)
    print(f"seed {seed}", flush=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        local_aws.running(local_aws.free_port(), Path(folder) / "log") as endpoint,
    ):
        outcome = asyncio.run(run(endpoint, seconds, seed))
    print("\n".join(outcome.lines()))
    return bool(outcome.wrong)


if __name__ == "__main__":
    raise SystemExit(main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else time.time_ns()))
