"""What lies in the bucket, page by page in the order of the keys, however much it is.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from service.images import USER_ID, is_image_id
from service.settings import Settings
from service.storage.aws import calling, client

PAGE = 1000
"""Most keys that S3 gives at once."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An object; `age` is the time since it was last written, by S3's own clock."""

    key: str
    age: timedelta

    @property
    def image(self) -> tuple[str, str] | None:
        """The user and the image that the key is of, if it is built as all of ours are."""
        _, user_id, image_id, *_ = [*self.key.split("/"), "", "", ""]
        return (user_id, image_id) if USER_ID.fullmatch(user_id) and is_image_id(image_id) else None

    @property
    def name(self) -> str:
        """What follows the image in the key: that of the original or of a variant, or nothing."""
        return self.key.split("/", 3)[3] if self.key.count("/") > 2 else ""


@dataclass(frozen=True, slots=True)
class Page:
    """Some objects, and the key behind which there are more, or None."""

    objects: list[Listed]
    last: str | None


class Listing:
    """Lists the bucket. botocore's client, which takes any key as it is, is made when it is first wanted."""

    def __init__(self, settings: Settings, most: int = PAGE) -> None:
        self._settings = settings
        self._most = most
        self._client: Any = None
        self._opening = asyncio.Lock()
        self._opened = AsyncExitStack()

    async def page(self, prefix: str, after: str = "") -> Page:
        """The next objects whose keys begin with `prefix` and come behind `after`.

        :raises Unavailable: S3 does not answer as it should, or there is no such bucket.
        """
        async with calling("s3"):
            listing = await self._opened_client()
            answer = await listing.list_objects_v2(
                Bucket=self._settings.bucket, Prefix=prefix, StartAfter=after, MaxKeys=self._most
            )
        now, found = _now(answer), answer.get("Contents", ())
        # S3's console makes an empty object of such a key for a folder.
        objects = [Listed(one["Key"], now - one["LastModified"]) for one in found if not one["Key"].endswith("/")]
        return Page(objects, found[-1]["Key"] if answer.get("IsTruncated") and found else None)

    async def _opened_client(self) -> Any:
        async with self._opening:
            if self._client is None:
                self._client = await self._opened.enter_async_context(client(self._settings, "s3"))
        return self._client

    async def close(self) -> None:
        """Close the client, if one was made."""
        await self._opened.aclose()


def _now(answer: Any) -> datetime:
    """S3's own time: this machine's clock may be another."""
    try:
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).astimezone(UTC)
    except (KeyError, ValueError, TypeError):
        return datetime.now(UTC)
