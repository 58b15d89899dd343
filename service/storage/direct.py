"""Direct uploads: the form with which a client posts a file straight to S3, as S3 itself will check it.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
"""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

from service.images import MAX_BYTES, Receipt
from service.settings import Settings
from service.storage.aws import calling, client, credentials
from service.storage.objects import METADATA_KEY, direct_key, metadata


@dataclass(frozen=True, slots=True)
class PresignedPost:
    """Where to post the form to, and its fields, which go before the file."""

    url: str
    fields: dict[str, str]


class DirectUploads:
    """Makes the forms. The client of S3 that signs them is made when the first one is wanted."""

    def __init__(self, settings: Settings) -> None:
        # Clients must be able to reach the address that the form names.
        self._settings = replace(settings, endpoint_s3=settings.public_endpoint_s3 or settings.endpoint_s3)
        self._client: Any = None
        self._opening = asyncio.Lock()
        self._opened = AsyncExitStack()

    async def presigned_post(self, receipt: Receipt, seconds: int) -> PresignedPost:
        """A form that takes one file for the image of `receipt`, with its content type, and of its size if it says one.

        It can be used for that many seconds, also several times; the first file that the worker sees is the image.

        :raises Unavailable: there are no credentials to sign it with.
        """
        fields = {"Content-Type": receipt.content_type, f"x-amz-meta-{METADATA_KEY}": metadata(receipt)}
        least, most = (receipt.size, receipt.size) if receipt.size else (1, MAX_BYTES)
        conditions: list[Any] = [{name: value} for name, value in fields.items()]
        async with calling("s3"):
            await credentials()  # botocore does not look whether there are any before it signs
            signer = await self._signer()
            made = await signer.generate_presigned_post(
                Bucket=self._settings.bucket,
                Key=direct_key(receipt.user_id, receipt.image_id),
                Fields=fields,
                Conditions=[*conditions, ["content-length-range", least, most]],
                ExpiresIn=seconds,
            )
        return PresignedPost(made["url"], made["fields"])

    async def _signer(self) -> Any:
        async with self._opening:
            if self._client is None:
                self._client = await self._opened.enter_async_context(client(self._settings, "s3"))
        return self._client

    async def close(self) -> None:
        """Close the client, if one was made."""
        await self._opened.aclose()
