"""A client of the service for other programs, and for the command line.

    async with Client("http://127.0.0.1:8080", user="alice") as client:
        image = await client.upload(Path("rocket.jpg"), title="Rocket", wait=30)
        await client.download(image.image_id, Path("again.jpg"))

Every call is tried again, within the bounds of `Retries`, when there is no answer or the service cannot take it now
(429, 502, 503, 504), and not before `Retry-After`. That is safe: an upload has an idempotency key, an edit or a
deletion done twice is one done once.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from service.remote.answers import Image, Page, Quota, Reason, Usage, Variant, usage_of
from service.remote.calls import Calls
from service.remote.content import Content, content_of, declared_kind, key_of, sendable_name, tags_of
from service.remote.downloads import fetch, fetch_to
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
from service.remote.sending import Progress
from service.remote.transport import Transport
from service.remote.uploads import send
from service.remote.waiting import settled

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
        self._transport = Transport(checked_url(url), credentials(user, api_key, token))
        self._calls = Calls(self._transport, retries or Retries())

    @property
    def retries(self) -> Retries:
        """How often and how long each call is tried; may be set at any time."""
        return self._calls.retries

    @retries.setter
    def retries(self, retries: Retries) -> None:
        self._calls.retries = retries

    async def __aenter__(self) -> Self:
        self._transport.open_session()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.close_session()

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
        key = idempotency_key or str(uuid.uuid4())
        image = await send(self._calls, content, given, kind, key, progress)
        return await self.wait(image.image_id, wait) if wait and not image.final else image

    async def get(self, image_id: str) -> Image:
        """The record of an image, or its receipt while it is queued."""
        return await self._calls.image("GET", path_of(image_id))

    async def wait(self, image_id: str, seconds: float = 60.0) -> Image:
        """The image as soon as its status is final, or after that time as it is then."""
        return await settled(self._calls, image_id, seconds)

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
        return await fetch_to(self._calls, image_id, variant, target, progress)

    async def content(self, image_id: str, *, variant: str = "original") -> bytes:
        """The bytes, in memory; raises as `download` does."""
        file = BytesIO()
        await fetch(self._calls, image_id, variant, file)
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
        return await self._calls.image("PATCH", path_of(image_id), headers=headers, body=changes)

    async def delete(self, image_id: str) -> None:
        """Delete an image; no matter whether it is there."""
        answer = await self._calls.ask("DELETE", path_of(image_id))
        if answer.status != 204:
            # A page to log in with, of a network that is in between, is not to be taken for a deletion.
            raise ImagesError(f"What answers there is not this service: {answer.status} to a deletion.")

    async def usage(self) -> Usage:
        """What the user's images take up, and what they may."""
        return read(usage_of, (await self._calls.ask("GET", "/v1/usage")).json())

    async def page(self, cursor: str | None = None, *, limit: int = 50, **filters: str | datetime | None) -> Page:
        """Images, newest first; what is queued only with `status="queued"`.

        :param filters: `status`, `content_type`, `tag`, `since` and `until` (times), `order` ("asc", "desc").
        """
        query = {"limit": str(limit), **query_of(filters)} | ({"cursor": cursor} if cursor else {})
        return await self._calls.page(query)

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
