"""Uploads of many files: several at once, none twice, and no more of them when there is no use."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from service.cli.ending import ends_all
from service.cli.outcomes import Outcome, of_error, of_image
from service.cli.present import uploaded_lately
from service.cli.upload import STDIN
from service.client import Client, Image, ImagesError, Problem, key_of
from service.remote.content import Content, sendable_name

FILES_A_PAGE = 10
"""To look what is there already costs a request for each page of 200; it is worth one for each so many files."""
WAIT_SECONDS = 300.0
WAITING = 16


@dataclass(frozen=True)
class Wanted:
    """What all files of a batch have in common. `again`: also what is there already, as another image."""

    title: str | None = None
    tags: tuple[str, ...] = ()
    again: bool = False
    wait: bool = False


class Watch(Protocol):
    """Sees the bytes of each file go."""

    def file(self, name: str, size: int) -> AbstractContextManager[Callable[[int], None]]:
        """While a file is under way; what it yields is told how many more bytes have gone."""
        ...

    def skip(self, size: int) -> None:
        """So many bytes do not have to go."""
        ...


class Batch:
    """Uploads files; `outcomes` grows as they end, and each is told to `say`."""

    def __init__(self, client: Client, wanted: Wanted, watch: Watch, say: Callable[[Outcome], None]) -> None:
        self.outcomes: list[Outcome] = []
        self.sent = 0
        self.stopped: ImagesError | None = None
        self._client = client
        self._wanted = wanted
        self._watch = watch
        self._say = say
        self._there: dict[str, Image] = {}
        self._first: dict[str, asyncio.Future[Outcome]] = {}
        self._waits = asyncio.Semaphore(WAITING)

    async def look(self, files: int) -> None:
        """See what of so many files is there already, and that the service is.

        :raises ImagesError: it is not, or not for this user.
        """
        wanted = self._wanted
        pages = 0 if wanted.again else files // FILES_A_PAGE
        self._there = await uploaded_lately(self._client, wanted.title, wanted.tags, pages)

    async def run(self, files: Sequence[Path], read: Callable[[Path], Awaitable[Content]], concurrency: int) -> None:
        """Upload the files; they are begun in their order, so that of two alike always the first is the image.

        :param read: gets a file's bytes.
        """
        slots = asyncio.Semaphore(concurrency)
        async with asyncio.TaskGroup() as group:
            for path in files:
                await slots.acquire()
                if self.stopped:
                    break
                try:
                    content = await read(path)
                    sha256 = await asyncio.to_thread(_digest, content)
                except (OSError, Problem) as error:
                    self.add(of_error(str(path), error))
                    slots.release()
                    continue
                group.create_task(self._file(path, content, sha256, slots))

    def unsent(self, files: Iterable[Path]) -> None:
        """Those of the files that were not begun, or not brought to an end."""
        ended = {one.file for one in self.outcomes}
        for path in files:
            if str(path) not in ended:
                self.add(Outcome(str(path), "unsent"))

    async def _file(self, path: Path, content: Content, sha256: str | None, slots: asyncio.Semaphore) -> None:
        name = str(path)
        first = self._first.get(sha256 or "")
        if first is not None:
            slots.release()
            self._watch.skip(content.size)
            del content  # beside a slow one may wait thousands that are alike
            other = await asyncio.shield(first)
            alike = other.kind in ("ready", "queued", "present")
            kind = "same" if alike else other.kind
            self.add(Outcome(name, kind, other.image_id, other.code, other.detail, same_as=other.file))
            return
        ending: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        if sha256:
            self._first[sha256] = ending
        outcome = Outcome(name, "unsent")
        try:
            image, present = await self._there_or_sent(path, content, sha256, slots)
            del content  # until it is ready may take long, and thousands may wait
            outcome = of_image(name, await self._settled(image), present=present)
        except (ImagesError, OSError) as error:
            if isinstance(error, ImagesError) and ends_all(error):
                self.stopped = self.stopped or error
            else:
                outcome = of_error(name, error)
        finally:
            ending.set_result(outcome)
        self.add(outcome)

    async def _there_or_sent(
        self, path: Path, content: Content, sha256: str | None, slots: asyncio.Semaphore
    ) -> tuple[Image, bool]:
        """The image, and whether it was there already."""
        try:
            if present := self._there.get(sha256 or ""):
                self._watch.skip(content.size)
                return present, True
            return await self._upload(path, content, sha256), False
        finally:
            slots.release()

    async def _settled(self, image: Image) -> Image:
        if not self._wanted.wait or image.final:
            return image
        async with self._waits:
            return await self._client.wait(image.image_id, WAIT_SECONDS)

    async def _upload(self, path: Path, content: Content, sha256: str | None) -> Image:
        wanted = self._wanted
        filename = "" if str(path) == STDIN else sendable_name(path.name)
        key = None if wanted.again or not sha256 else key_of(sha256, filename, wanted.title, wanted.tags)
        with self._watch.file(str(path), content.size) as gone:

            def progress(count: int) -> None:
                self.sent += count
                gone(count)

            return await self._client.upload(
                content,
                title=wanted.title,
                tags=wanted.tags,
                filename=filename,
                idempotency_key=key,
                progress=progress,
            )

    def add(self, outcome: Outcome, *, quiet: bool = False) -> None:
        """The outcome of a file that is not, or not further, uploaded."""
        self.outcomes.append(outcome)
        if not quiet:
            self._say(outcome)


def _digest(content: Content) -> str | None:
    """None of what is larger than any image: to read it all would be for nothing."""
    return hashlib.sha256(content.data).hexdigest() if content.data is not None else None
