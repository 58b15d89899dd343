"""A client of the service for other programs, and for the command line.

    async with Client("http://127.0.0.1:8080", user="alice") as client:
        image = await client.upload(Path("rocket.jpg"), title="Rocket", wait=30)
        await client.download(image.image_id, Path("again.jpg"))

Every call is tried again, within the bounds of `Retries`, when there is no answer or the service cannot take it now
(429, 502, 503, 504), and not before `Retry-After`. That is safe: an upload has an idempotency key, an edit or a
deletion done twice is one done once.
"""

import asyncio
import hashlib
import os
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import aiohttp

from service.remote.answers import Image, Page, Quota, Reason, Usage, Variant, image_of, page_of, usage_of
from service.remote.content import Content, content_of, declared_kind, key_of, sendable_name, tags_of
from service.remote.direct import post_form
from service.remote.errors import (
    Conflict,
    Damaged,
    Forbidden,
    ImagesError,
    NotFound,
    Problem,
    Refused,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    Unreachable,
    VersionMismatch,
)
from service.remote.requests import checked_url, credentials, path_of, query_of, read
from service.remote.retries import Retries
from service.remote.transport import ANSWER_SECONDS, CONNECT_SECONDS, Answer, Progress, Transport

__all__ = [
    "Client",
    "Conflict",
    "Damaged",
    "Forbidden",
    "Image",
    "ImagesError",
    "NotFound",
    "Page",
    "Problem",
    "Quota",
    "Reason",
    "Refused",
    "Retries",
    "TooLarge",
    "TooManyRequests",
    "Unauthenticated",
    "Unavailable",
    "Unreachable",
    "Usage",
    "Variant",
    "VersionMismatch",
    "content_of",
    "key_of",
]

LONGEST_WAIT = 25.0
"""Seconds that one `Prefer: wait` asks for; the service takes up to 30, gateways before it up to 29."""
POLL_SECONDS = 1.0
"""Between two questions for a status at least."""
SURELY_SMALL = 512 * 1024
"""No gateway that is worth its name refuses a body of so few bytes."""
KEEP: Any = object()
"""Leaves a title or tags as they are."""


class Client:
    """One user of one service, inside `async with`. All methods raise `ImagesError`."""

    def __init__(
        self,
        url: str,
        *,
        user: str | None = None,
        api_key: str | None = None,
        token: str | None = None,
        retries: Retries | None = None,
    ) -> None:
        """Who is asking: a user id (`AUTH_MODE=header`), an API key, or a token; or nobody.

        :raises ValueError: the URL or what says who is asking makes no sense.
        """
        self._url = checked_url(url)
        self._headers = credentials(user, api_key, token)
        self.retries = retries or Retries()
        self._session: aiohttp.ClientSession | None = None
        self._direct_from: int | None = None
        self._learned = False
        self._learning = asyncio.Lock()

    async def __aenter__(self) -> Self:
        # How long an answer may take is each request's own matter.
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
        self._session = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0))
        self._transport = Transport(self._session, self._url, self._headers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def upload(
        self,
        source: bytes | Path | str | IO[bytes] | Content,
        *,
        title: str | None = None,
        tags: Iterable[str] = (),
        filename: str | None = None,
        content_type: str | None = None,
        idempotency_key: str | None = None,
        wait: float = 0.0,
        progress: Progress | None = None,
    ) -> Image:
        """Upload one image; its receipt, or its record if it is final within `wait` seconds.

        Where bodies of its size do not reach the service, it goes straight to S3.

        :param source: bytes, the path of a file, or an open file, which is read to its end.
        :param filename: that of a path, if not given; "" for none.
        :param content_type: found out by the bytes, if not given.
        :param idempotency_key: the same key is the same image for 24 hours; one of this call's own, if not given.
        :param progress: called with how many more bytes are on their way.
        :raises Refused: it is not an image that the service takes. One that it finds out later has `status` "rejected".
        :raises OSError: the source cannot be read.
        """
        content = source if isinstance(source, Content) else await content_of(source)
        if filename is None and isinstance(source, Path | str):
            filename = sendable_name(Path(source).name)
        labels = {"filename": filename or None, "title": title or None, "tags": list(tags_of(tags)) or None}
        given = {name: text for name, text in labels.items() if text}
        kind = content_type or declared_kind(content, filename)
        headers = {"Content-Type": kind, "Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        if await self._is_direct(content.size):
            image = await self._upload_direct(content, given, headers, progress)
        else:
            try:
                image = await self._upload(content, given, headers, progress)
            except TooLarge:
                # A gateway's answer: what it passes on may have changed.
                self._learned = False
                if not await self._is_direct(content.size):
                    raise
                image = await self._upload_direct(content, given, headers, progress)
        return await self.wait(image.image_id, wait) if wait and not image.final else image

    async def get(self, image_id: str) -> Image:
        """The record of an image, or its receipt while it is queued."""
        return await self._image("GET", path_of(image_id))

    async def wait(self, image_id: str, seconds: float = 60.0) -> Image:
        """The image as soon as its status is final, or after that time as it is then."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            begun = loop.time()
            # Whole seconds are all that the header can say (RFC 7240, section 4.3).
            left = int(max(0.0, min(LONGEST_WAIT, end - begun)))
            image = await self._image(
                "GET", path_of(image_id), headers={"Prefer": f"wait={left}"}, seconds=ANSWER_SECONDS + left
            )
            if image.final or loop.time() >= end:
                return image
            # Not everything that answers waits: a service that is about to end, or a gateway that drops the wish.
            await asyncio.sleep(max(0.0, min(begun + POLL_SECONDS, end) - loop.time()))

    async def download(
        self, image_id: str, target: Path | str, *, variant: str = "original", progress: Progress | None = None
    ) -> int:
        """Put the bytes into a file, which appears when it is whole; how many they are.

        :raises Damaged: they are not those that were uploaded; there is no file then.
        :raises OSError: the file cannot be written.
        """
        target = Path(target)
        if target.exists() and not target.is_file():
            # A pipe or a device stays what it is, under the name it has (that of `/dev/stdout` leads to nothing that
            # could be opened by its path); it gets nothing but what is right.
            data = await self.content(image_id, variant=variant)
            await asyncio.to_thread(target.write_bytes, data)
            return len(data)
        target = Path(os.path.realpath(target))  # what a link leads to is replaced, not the link
        part = target.with_name(f".cloud-images-{uuid.uuid4().hex}.part")
        try:
            with part.open("xb") as file:
                size = await self._download(image_id, variant, file, progress)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        return size

    async def content(self, image_id: str, *, variant: str = "original") -> bytes:
        """The bytes, in memory; raises as `download` does."""
        file = BytesIO()
        await self._download(image_id, variant, file, None)
        return file.getvalue()

    async def edit(
        self, image_id: str, *, title: str | None = KEEP, tags: Iterable[str] | None = KEEP, if_match: int | None = None
    ) -> Image:
        """Change title or tags of an image that is ready; None takes them away.

        :param if_match: only if the image is still at this version.
        :raises VersionMismatch: it is not.
        """
        changes: dict[str, Any] = {} if title is KEEP else {"title": title}
        if tags is not KEEP:
            changes["tags"] = None if tags is None else list(tags)
        headers = {} if if_match is None else {"If-Match": f'"{if_match}"'}
        return await self._image("PATCH", path_of(image_id), headers=headers, body=changes)

    async def delete(self, image_id: str) -> None:
        """Delete an image; no matter whether it is there."""
        answer = await self._ask("DELETE", path_of(image_id))
        if answer.status != 204:
            # A page to log in with, of a network that is in between, is not to be taken for a deletion.
            raise ImagesError(f"What answers there is not this service: {answer.status} to a deletion.")

    async def usage(self) -> Usage:
        """What the user's images take up, and what they may."""
        return read(usage_of, (await self._ask("GET", "/v1/usage")).json())

    async def page(self, cursor: str | None = None, *, limit: int = 50, **filters: str | datetime | None) -> Page:
        """Images, newest first; what is queued only with `status="queued"`.

        :param filters: `status`, `content_type`, `tag`, `since` and `until` (times), `order` ("asc", "desc").
        """
        query = {"limit": str(limit), **query_of(filters)} | ({"cursor": cursor} if cursor else {})
        body = (await self._ask("GET", "/v1/images", query=query)).json()
        self._learn(body)
        return read(page_of, body)

    async def list(self, *, limit: int | None = None, **filters: str | datetime | None) -> AsyncIterator[Image]:
        """All images, or the first `limit` of them; filters as those of `page`."""
        cursor, left = None, limit
        while left is None or left > 0:
            page = await self.page(cursor, limit=min(200, left or 200), **filters)
            for image in page.images[:left]:
                yield image
            left = None if left is None else left - len(page.images)
            if (cursor := page.next_cursor) is None:
                return

    async def _upload(
        self, content: Content, given: Mapping[str, Any], headers: Mapping[str, str], progress: Progress | None
    ) -> Image:
        return await self._image("POST", "/v1/images", headers=headers, query=given, content=content, progress=progress)

    async def _upload_direct(
        self, content: Content, given: Mapping[str, Any], headers: Mapping[str, str], progress: Progress | None
    ) -> Image:
        if content.data is None:
            raise Refused(400, "too_large", f"{content.size:,} bytes are more than any image may have.")
        wanted = {**given, "content_type": headers["Content-Type"], "size": content.size}
        # The service tells the two ways of an upload apart: the key of one is no key of the other.
        key = {"Idempotency-Key": hashlib.sha256(f"direct {headers['Idempotency-Key']}".encode()).hexdigest()}
        answer = await self._ask("POST", "/v1/uploads", headers=key, body=wanted)
        form = answer.json()
        if answer.status == 200:
            return self._image_of(form)
        await self.retries.run(lambda: post_form(self._transport, form, content, progress))
        return await self.get(form["image_id"])

    async def _is_direct(self, size: int) -> bool:
        """Whether so many bytes have to go straight to S3; the service says so in each list."""
        if size < SURELY_SMALL:
            return False
        async with self._learning:
            if not self._learned:
                await self.page(limit=1)
        return self._direct_from is not None and size >= self._direct_from

    def _learn(self, body: Mapping[str, Any]) -> None:
        most = body.get("direct_upload_from")
        self._direct_from, self._learned = most if isinstance(most, int) else None, True

    async def _download(self, image_id: str, variant: str, file: IO[bytes], progress: Progress | None) -> int:
        expected = (await self.get(image_id)).sha256 if variant == "original" else None

        async def once() -> int:
            done = 0
            file.seek(0)
            file.truncate()
            digest = hashlib.sha256()
            try:
                async with self._transport.open(f"{path_of(image_id)}/content", {"variant": variant}) as answer:
                    async for chunk in answer.content.iter_chunked(64 * 1024):
                        digest.update(chunk)
                        await asyncio.to_thread(file.write, chunk)
                        done += len(chunk)
                        if progress:
                            progress(len(chunk))
            except ImagesError:
                if progress:
                    progress(-done)
                raise
            if expected and digest.hexdigest() != expected:
                raise Damaged(f"The bytes of image {image_id} that came are not those that were uploaded.")
            return done

        return await self.retries.run(once)

    async def _image(self, method: str, path: str, **more: Any) -> Image:
        return self._image_of((await self._ask(method, path, **more)).json())

    def _image_of(self, body: Mapping[str, Any]) -> Image:
        self._learn(body)
        return read(image_of, body)

    async def _ask(self, method: str, path: str, **more: Any) -> Answer:
        return await self.retries.run(lambda: self._transport.ask(method, path, **more))
