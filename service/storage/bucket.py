"""The bucket: objects by key, through obstore."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import S3Store

from service.errors import Unavailable
from service.storage.aws import calling, translated, unavailable

if TYPE_CHECKING:
    from obstore import GetResult

log = logging.getLogger(__name__)

CHUNK_BYTES = 256 * 1024
NO_SUCH_KEY = "<Code>NoSuchKey</Code>"
"""https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html#API_GetObject_Errors"""


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes of an object on their way out."""

    size: int
    chunks: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Found:
    """An object: its size in bytes, its attributes (`Content-Type` and user metadata), and its bytes if asked for."""

    size: int
    attributes: dict[str, str]
    content: bytes = b""


class Bucket:
    """The bucket. All methods raise `Unavailable` when S3 does not answer as it should."""

    def __init__(self, store: S3Store, public: S3Store) -> None:
        self._store = store
        self._public = public

    async def put(self, key: str, content: Sequence[bytes], attributes: dict[str, str], *, new: bool = False) -> bool:
        """Store an object, given in pieces, which are not copied; durable when this returns.

        With `new`, False when there is one of that key already.
        """
        async with calling("s3"):
            try:
                await obstore.put_async(
                    self._store,
                    key,
                    content,
                    attributes=attributes,
                    use_multipart=False,
                    mode="create" if new else "overwrite",
                )
            except AlreadyExistsError:
                return False
        return True

    async def get(self, key: str, most: int | None = None) -> Found | None:
        """An object with its bytes, which are left out when they are more than `most`; None when there is none."""
        async with calling("s3"):
            try:
                found = _from_s3(await obstore.get_async(self._store, key))
                size = found.meta["size"]
                content = bytes(await found.bytes_async()) if most is None or size <= most else b""
            except FileNotFoundError as error:
                _refuse_unless_none(error)
                return None
        return Found(size, dict(found.attributes), content)

    async def head(self, key: str) -> Found | None:
        """An object without its bytes; None when there is none, or no bucket (`check` tells which)."""
        async with calling("s3"):
            try:
                found = _from_s3(await obstore.get_async(self._store, key, options={"head": True}))
            except FileNotFoundError:
                return None
        return Found(found.meta["size"], dict(found.attributes))

    async def open(self, key: str, span: tuple[int, int] | None = None) -> Content | None:
        """The bytes, or those from `span[0]` up to before `span[1]`; None when the object is gone."""
        async with calling("s3"):
            try:
                found = _from_s3(await obstore.get_async(self._store, key, options={"range": span} if span else None))
            except FileNotFoundError as error:
                _refuse_unless_none(error)
                return None
        first, end = found.range
        return Content(end - first, _chunks(found, end - first))

    async def names(self, prefix: str, most: int) -> list[str]:
        """What follows `prefix` in the keys that begin with it, in S3's order; of very many, the first `most` or so."""
        names: list[str] = []
        async with calling("s3"):
            async for page in obstore.list(self._store, prefix=prefix, chunk_size=1000):
                names += [one["path"].removeprefix(prefix) for one in page]
                if len(names) >= most:
                    break
        return names

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove objects, those that there are."""
        async with calling("s3"):
            await obstore.delete_async(self._store, keys)

    async def presigned_url(self, key: str, seconds: int) -> str:
        """A URL that anyone may GET the bytes from for that long."""
        with translated("s3"):
            return await obstore.sign_async(self._public, "GET", key, timedelta(seconds=seconds))

    async def warm_up(self) -> None:
        """Let obstore start its threads, without a call to S3.

        If it first tried when file descriptors are short, it would fail then and at every later call.
        """
        with suppress(Unavailable):
            await self.presigned_url("-", 1)

    async def check(self) -> None:
        """Whether the bucket answers.

        :raises Unavailable: it does not, or there is none.
        """
        async with calling("s3"):
            await obstore.list_with_delimiter_async(self._store, prefix="-/")


def _from_s3(found: "GetResult") -> "GetResult":
    """What was found, if S3 has said so: it names an ETag, and what stands in between and answers for it does not.

    :raises Unavailable: it does not.
    """
    if found.meta["e_tag"] is None:
        log.warning("s3 does not answer as it should: %s comes without an ETag", found.meta["path"])
        raise unavailable("s3")
    return found


async def _chunks(found: "GetResult", size: int) -> AsyncIterator[bytes]:
    """As many bytes as S3 has promised, or an error: whoever passes them on has promised them as well."""
    left = size
    with translated("s3"):
        async for chunk in found.stream(min_chunk_size=CHUNK_BYTES):
            left -= len(chunk)
            if left < 0:
                break
            yield bytes(chunk)
    if left:
        log.warning("s3 does not answer as it should: %s has not %d bytes", found.meta["path"], size)
        raise unavailable("s3")


def _refuse_unless_none(error: FileNotFoundError) -> None:
    """Passes if S3 has said that there is no such key.

    Any other 404 (there is no bucket, something in between does not know it) must not be taken for that: it would lose
    an upload.
    """
    if NO_SUCH_KEY not in str(error):
        raise error
