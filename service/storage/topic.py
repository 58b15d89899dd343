"""The SNS topic that is told of each image's final status, and what is said there.

SNS hands it on to whoever has subscribed: https://docs.aws.amazon.com/sns/latest/dg/sns-create-subscribe-endpoint-to-topic.html
"""

import asyncio
import json
import logging
import math
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from typing import Any

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from service.errors import Unavailable
from service.images import Record, created_at, rfc3339
from service.settings import Settings
from service.storage.answers import NoAnswer
from service.storage.aws import calling, client, error_code, told, unavailable

log = logging.getLogger(__name__)

VERSION = 1
MOST_BYTES = 256 * 1024
"""Of a message: https://docs.aws.amazon.com/general/latest/gr/sns.html"""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 60.0
"""Seconds. After a call in vain nobody waits for another one until they are over; the pause doubles each time."""
FORBIDDEN = {"NotFound", "NotFoundException", "AuthorizationError", "AuthorizationErrorException", "AccessDenied"}
"""What SNS says when somebody has to mend something."""


class Topic:
    """The topic. Its client is made when it is first wanted, so without a topic nothing is.

    All methods raise `Unavailable` when SNS does not answer as it should, or there is no such topic.
    """

    def __init__(self, settings: Settings) -> None:
        self._arn = settings.topic or ""
        # It may be in another region than the queue.
        self._settings = replace(settings, region=self._arn.split(":")[3]) if self._arn else settings
        self._client: Any = None
        self._opening = asyncio.Lock()
        self._opened = AsyncExitStack()
        self._again_at, self._pause = 0.0, 0.0

    @property
    def is_named(self) -> bool:
        """Whether there is to be one."""
        return bool(self._arn)

    async def publish(self, record: Record) -> None:
        """Tell of an image; in the hands of SNS when this returns.

        While SNS is away this fails at once, but for one that tries it now and then, so that it holds up nobody.
        """
        if (pause := self._pause) and time.monotonic() < self._again_at:
            raise unavailable("sns")
        if pause:
            self._again_at = math.inf
        try:
            answer = await self._call("publish", **message(self._arn, record))
            told("sns", answer, "MessageId")
        except Unavailable:
            if self._pause == pause:  # else another one was in vain meanwhile
                self._pause = min(max(FIRST_PAUSE, 2 * pause), LONGEST_PAUSE)
                self._again_at = time.monotonic() + self._pause
            raise
        else:
            self._again_at = self._pause = 0.0
        finally:
            if pause and self._again_at == math.inf:  # it was cancelled
                self._again_at = 0.0

    async def check(self) -> None:
        """Whether the topic is there and answers; needs `sns:GetTopicAttributes`, which nothing else does."""
        told("sns", await self._call("get_topic_attributes", TopicArn=self._arn), "Attributes")

    async def publish_in_vain(self) -> None:
        """Publish what SNS must refuse, so nobody gets it: too long, and no JSON though it says so."""
        message = "x" * (MOST_BYTES + 1)
        told(
            "sns",
            await self._call("publish", TopicArn=self._arn, MessageStructure="json", Message=message),
            "MessageId",
        )

    async def _call(self, name: str, **parameters: Any) -> Any:
        async with calling("sns"):
            sns = await self._opened_client()
            try:
                return await getattr(sns, name)(**parameters)
            except ResponseParserError as error:
                raise NoAnswer(status=200, said=repr(error)[:100]) from error
            except ClientError as error:
                if error_code(error) in FORBIDDEN:
                    log.error("the topic %s (IMAGE_TOPIC_ARN) is not there, or not for this service", self._arn)
                raise

    async def _opened_client(self) -> Any:
        async with self._opening:
            if self._client is None:
                self._client = await self._opened.enter_async_context(client(self._settings, "sns"))
        return self._client

    async def close(self) -> None:
        """Close the client, if one was made."""
        await self._opened.aclose()


def message(arn: str, record: Record) -> dict[str, Any]:
    """The parameters of a `Publish`: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html."""
    receipt = record.receipt
    said = {
        "v": VERSION,
        # The same each time that it is told.
        "id": f"{receipt.image_id}:{record.status}:{record.version}",
        **asdict(receipt),
        "status": record.status,
        "reason": asdict(record.reason) if record.reason else None,
        "created_at": rfc3339(created_at(receipt.image_id)),
        "updated_at": rfc3339(record.updated_at),
        "version": record.version,
        "placeholder": record.placeholder,
        "variants": {name: asdict(variant) for name, variant in record.variants.items()},
    }
    said |= {name: said[name] or None for name in ("sha256", "width", "height", "frames")}
    attributes = {"status": record.status, "user_id": receipt.user_id, "content_type": receipt.content_type}
    given: dict[str, Any] = {
        "TopicArn": arn,
        # ASCII only: SNS takes no characters that XML does not.
        "Message": json.dumps(said),
        # For mails.
        "Subject": f"Image {receipt.image_id} is {record.status}",
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": str(text)} for name, text in attributes.items()
        },
    }
    if arn.endswith(".fifo"):
        given |= {"MessageGroupId": receipt.user_id, "MessageDeduplicationId": said["id"]}
    return given
