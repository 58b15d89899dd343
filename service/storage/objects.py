"""Bytes in S3: staged objects under `incoming/`, stored images under `images/`."""

import base64
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import obstore
from obstore.store import S3Store

from service.errors import Unavailable
from service.images import Receipt, UndecodableMessage
from service.storage.aws import calling, translated

ORIGINAL = "original"
VARIANTS = {"thumb": 256, "preview": 1024}
"""Names of the variants, and the square of pixels that each fits into."""
VARIANT_TYPE = "image/webp"
METADATA_KEY = "upload"
METADATA_BYTES = 2048
"""S3's limit on all user metadata of an object, names and values together."""
CHUNK_BYTES = 256 * 1024
MOST_STAGED = 10_000


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes of an object on their way out."""

    size: int
    chunks: AsyncIterator[bytes]


def staged_key(user_id: str, image_id: str) -> str:
    """Where an accepted upload waits for the worker."""
    return f"incoming/{user_id}/{image_id}"


def image_key(user_id: str, image_id: str, name: str) -> str:
    """Where `original` or a variant of an image is."""
    return f"images/{user_id}/{image_id}/{name}"


def metadata(receipt: Receipt) -> str:
    """The receipt as it stands in the staged object's metadata, which takes ASCII only."""
    return base64.urlsafe_b64encode(receipt.to_message().encode()).decode()


def fits_metadata(receipt: Receipt) -> bool:
    """Whether S3 takes the receipt as metadata."""
    return len(METADATA_KEY) + len(metadata(receipt)) <= METADATA_BYTES


class Objects:
    """The bucket. All methods raise `Unavailable` when S3 does not answer as it should."""

    def __init__(self, store: S3Store, public: S3Store) -> None:
        self._store = store
        self._public = public

    async def put_staged(self, receipt: Receipt, content: bytes) -> None:
        """Stage an upload together with its receipt; durable when this returns."""
        attributes = {"Content-Type": receipt.content_type, METADATA_KEY: metadata(receipt)}
        await self._put(staged_key(receipt.user_id, receipt.image_id), content, attributes)

    async def _put(self, key: str, content: bytes, attributes: dict[str, str]) -> None:
        async with calling("s3"):
            await obstore.put_async(self._store, key, content, attributes=attributes, use_multipart=False)

    async def get_staged(self, receipt: Receipt) -> bytes | None:
        """The staged bytes, or None when they are gone."""
        async with calling("s3"):
            try:
                found = await obstore.get_async(self._store, staged_key(receipt.user_id, receipt.image_id))
                return bytes(await found.bytes_async())
            except FileNotFoundError:
                await self._check_bucket()
                return None

    async def staged_receipt(self, user_id: str, image_id: str) -> Receipt | None:
        """The receipt of an upload that is staged, or None."""
        async with calling("s3"):
            try:
                found = await obstore.get_async(self._store, staged_key(user_id, image_id), options={"head": True})
            except FileNotFoundError:
                await self._check_bucket()
                return None
        try:
            return Receipt.from_message(base64.urlsafe_b64decode(found.attributes[METADATA_KEY]).decode())
        except (KeyError, ValueError, UndecodableMessage):
            return None

    async def staged_ids(self, user_id: str) -> list[str]:
        """The ids of a user's staged uploads, oldest first; of very many, the oldest `MOST_STAGED`."""
        prefix = staged_key(user_id, "")
        ids: list[str] = []
        async with calling("s3"):
            async for page in obstore.list(self._store, prefix=prefix, chunk_size=1000):
                ids += [one["path"].removeprefix(prefix) for one in page]
                if len(ids) >= MOST_STAGED:
                    break
        return ids

    async def delete_staged(self, user_id: str, image_id: str) -> None:
        """Remove the staged bytes, if there are any."""
        await self._delete([staged_key(user_id, image_id)])

    async def put_image(self, receipt: Receipt, name: str, content_type: str, content: bytes) -> None:
        """Store `original` or a variant."""
        # So that a presigned URL, which bypasses this service's own headers, cannot turn a picture into a page either.
        attributes = {
            "Content-Type": content_type,
            "Content-Disposition": "inline",
            "Cache-Control": "private",
        }
        await self._put(image_key(receipt.user_id, receipt.image_id, name), content, attributes)

    async def delete_image(self, user_id: str, image_id: str) -> None:
        """Remove the original, the variants, and what may still be staged."""
        keys = [image_key(user_id, image_id, name) for name in (ORIGINAL, *VARIANTS)]
        await self._delete([*keys, staged_key(user_id, image_id)])

    async def _delete(self, keys: list[str]) -> None:
        async with calling("s3"):
            await obstore.delete_async(self._store, keys)

    async def open_image(
        self, user_id: str, image_id: str, name: str, span: tuple[int, int] | None = None
    ) -> Content | None:
        """The bytes, or those from `span[0]` up to before `span[1]`; None when the object is gone."""
        async with calling("s3"):
            try:
                key = image_key(user_id, image_id, name)
                found = await obstore.get_async(self._store, key, options={"range": span} if span else None)
            except FileNotFoundError:
                await self._check_bucket()
                return None
        first, end = found.range

        async def chunks() -> AsyncIterator[bytes]:
            with translated("s3"):
                async for chunk in found.stream(min_chunk_size=CHUNK_BYTES):
                    yield bytes(chunk)

        return Content(end - first, chunks())

    async def presigned_url(self, user_id: str, image_id: str, name: str, seconds: int) -> str:
        """A URL that anyone may GET the bytes from for that long."""
        key = image_key(user_id, image_id, name)
        with translated("s3"):
            return await obstore.sign_async(self._public, "GET", key, timedelta(seconds=seconds))

    async def warm_up(self) -> None:
        """Let obstore start its threads, without a call to S3.

        If it first tried when file descriptors are short, it would fail then and at every later call.
        """
        with suppress(Unavailable):
            await self.presigned_url("-", "-", ORIGINAL, 1)

    async def check(self) -> None:
        """Whether the bucket answers.

        :raises Unavailable: it does not, or there is none.
        """
        async with calling("s3"):
            await self._check_bucket()

    async def _check_bucket(self) -> None:
        """A missing bucket looks like a missing key, and must not be taken for one: that would lose an upload."""
        try:
            await obstore.list_with_delimiter_async(self._store, prefix="-/")
        except FileNotFoundError as error:
            raise Unavailable("s3_unavailable", "S3 has no such bucket.") from error
