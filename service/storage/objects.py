"""What lies where in the bucket: direct uploads, staged objects, stored images."""

import base64
from collections.abc import Sequence
from dataclasses import replace

from service.images import Receipt, UndecodableMessage, is_image_id
from service.storage.bucket import Bucket, Content, Found

ORIGINAL = "original"
VARIANTS = {"thumb": 256, "preview": 1024}
"""Names of the variants, and the square of pixels that each fits into."""
VARIANT_TYPE = "image/webp"
METADATA_KEY = "upload"
METADATA_BYTES = 2048
"""S3's limit on all user metadata of an object, names and values together."""
MOST_QUEUED = 10_000


def direct_key(user_id: str, image_id: str) -> str:
    """Where a client posts a direct upload to; nobody has looked at those bytes yet."""
    return f"direct/{user_id}/{image_id}"


def staged_key(user_id: str, image_id: str) -> str:
    """Where an accepted upload waits for the worker."""
    return f"incoming/{user_id}/{image_id}"


def image_key(user_id: str, image_id: str, name: str) -> str:
    """Where `original` or a variant of an image is."""
    return f"images/{user_id}/{image_id}/{name}"


def metadata(receipt: Receipt) -> str:
    """The receipt as it stands in an object's metadata, which takes ASCII only."""
    return base64.urlsafe_b64encode(receipt.message.encode()).decode()


def fits_metadata(receipt: Receipt) -> bool:
    """Whether S3 takes the receipt as metadata, which is as long as base64 makes it: 4 characters for 3 bytes."""
    return len(METADATA_KEY) + 4 * -(-len(receipt.message.encode()) // 3) <= METADATA_BYTES


def _receipt(found: Found) -> Receipt | None:
    try:
        return Receipt.from_message(base64.urlsafe_b64decode(found.attributes[METADATA_KEY]).decode())
    except (KeyError, ValueError, UndecodableMessage):
        return None


class Objects:
    """The objects. All methods raise `Unavailable` when S3 does not answer as it should."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self.check = bucket.check

    async def put_staged(self, receipt: Receipt, content: Sequence[bytes], *, new: bool = False) -> bool:
        """Stage an upload, given in pieces, together with its receipt.

        With `new`, False when one is staged under that id already.
        """
        attributes = {"Content-Type": receipt.content_type, METADATA_KEY: metadata(receipt)}
        return await self._bucket.put(staged_key(receipt.user_id, receipt.image_id), content, attributes, new=new)

    async def get_staged(self, receipt: Receipt) -> bytes | None:
        """The staged bytes, or None when they are gone."""
        found = await self._bucket.get(staged_key(receipt.user_id, receipt.image_id))
        return found.content if found else None

    async def staged_receipt(self, user_id: str, image_id: str) -> Receipt | None:
        """The receipt of an upload that is staged, or None."""
        found = await self._bucket.head(staged_key(user_id, image_id))
        return _receipt(found) if found else None

    async def is_staged(self, user_id: str, image_id: str) -> bool:
        """Whether there are staged bytes, whatever stands beside them."""
        return await self._is_there(staged_key(user_id, image_id))

    async def queued_receipt(self, user_id: str, image_id: str) -> Receipt | None:
        """The receipt of what waits for the worker, staged or posted directly; None when nothing does."""
        # Staged once more, as it may have become that between the two looks.
        for key in (staged_key, direct_key, staged_key):
            if found := await self._bucket.head(key(user_id, image_id)):
                return _direct_receipt(found, user_id, image_id) if key is direct_key else _receipt(found)
        await self.check()
        return None

    async def queued_ids(self, user_id: str) -> list[str]:
        """The ids of a user's uploads that wait for the worker, oldest first; of very many, the oldest."""
        ids: set[str] = set()
        for key in (direct_key, staged_key):
            ids.update(await self._bucket.names(key(user_id, ""), MOST_QUEUED))
        return sorted(filter(is_image_id, ids))

    async def delete_staged(self, user_id: str, image_id: str) -> None:
        """Remove the staged bytes, if there are any."""
        await self._bucket.delete([staged_key(user_id, image_id)])

    async def get_direct(self, user_id: str, image_id: str, most: int) -> tuple[Receipt, bytes] | None:
        """A direct upload: what its client said of it, and its bytes if no more than `most`; None when it is gone."""
        found = await self._bucket.get(direct_key(user_id, image_id), most)
        return (_direct_receipt(found, user_id, image_id), found.content) if found else None

    async def delete_direct(self, user_id: str, image_id: str) -> None:
        """Remove the bytes of a direct upload, if there are any."""
        await self._bucket.delete([direct_key(user_id, image_id)])

    async def put_image(self, receipt: Receipt, name: str, content_type: str, content: bytes) -> None:
        """Store `original` or a variant."""
        # So that a presigned URL, which bypasses this service's own headers, cannot turn a picture into a page either.
        attributes = {
            "Content-Type": content_type,
            "Content-Disposition": "inline",
            "Cache-Control": "private",
        }
        await self._bucket.put(image_key(receipt.user_id, receipt.image_id, name), [content], attributes)

    async def delete_image(self, user_id: str, image_id: str) -> None:
        """Remove the original, the variants, and what may still wait for the worker."""
        keys = [image_key(user_id, image_id, name) for name in (ORIGINAL, *VARIANTS)]
        await self._bucket.delete([*keys, staged_key(user_id, image_id), direct_key(user_id, image_id)])

    async def delete_stored(self, user_id: str, image_id: str) -> None:
        """Remove the original and the variants, but nothing that waits for the worker."""
        await self._bucket.delete([image_key(user_id, image_id, name) for name in (ORIGINAL, *VARIANTS)])

    async def has_original(self, user_id: str, image_id: str) -> bool:
        """Whether the original is there."""
        return await self._is_there(image_key(user_id, image_id, ORIGINAL))

    async def get_original(self, user_id: str, image_id: str) -> bytes | None:
        """The original's bytes, or None when they are gone."""
        found = await self._bucket.get(image_key(user_id, image_id, ORIGINAL))
        return found.content if found else None

    async def _is_there(self, key: str) -> bool:
        if await self._bucket.head(key):
            return True
        # Else a bucket that is gone would look like an empty one, and every image as lost.
        await self.check()
        return False

    async def open_image(
        self, user_id: str, image_id: str, name: str, span: tuple[int, int] | None = None
    ) -> Content | None:
        """The bytes, or those from `span[0]` up to before `span[1]`; None when the object is gone."""
        return await self._bucket.open(image_key(user_id, image_id, name), span)

    async def presigned_url(self, user_id: str, image_id: str, name: str, seconds: int) -> str:
        """A URL that anyone may GET the bytes from for that long."""
        return await self._bucket.presigned_url(image_key(user_id, image_id, name), seconds)


def _direct_receipt(found: Found, user_id: str, image_id: str) -> Receipt:
    """What is known of a direct upload before anyone looks at its bytes; S3 itself tells type and size."""
    said = _receipt(found) or Receipt(user_id=user_id, image_id=image_id, content_type="", size=0)
    content_type = found.attributes.get("Content-Type", "")
    return replace(said, user_id=user_id, image_id=image_id, content_type=content_type, size=found.size)
