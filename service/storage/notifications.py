"""S3's event notifications, as they arrive on the queue.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

import json
import logging
from dataclasses import dataclass
from urllib.parse import unquote_plus

from service.images import USER_ID, is_image_id
from service.storage.objects import direct_key

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A direct upload has arrived in the bucket."""

    user_id: str
    image_id: str


def arrivals(text: str) -> list[Arrival] | None:
    """The direct uploads that a message tells of, which may be none; None when it is no notification of S3's.

    They come at least once and in any order, also when the object is gone again.
    """
    try:
        event = json.loads(text)
        if event.get("Event") == "s3:TestEvent":
            return []  # S3 sends one when notifications are switched on
        records = [one for one in event["Records"] if one["eventSource"] == "aws:s3"]
        keys = [
            unquote_plus(one["s3"]["object"]["key"]) for one in records if one["eventName"].startswith("ObjectCreated:")
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if not records:
        return None
    return [arrival for key in keys if (arrival := _arrival(key))]


def _arrival(key: str) -> Arrival | None:
    _, user_id, image_id = [*key.split("/", 2), "", ""][:3]
    if not (USER_ID.fullmatch(user_id) and is_image_id(image_id) and key == direct_key(user_id, image_id)):
        log.warning("no direct upload has a key like %r", key)
        return None
    return Arrival(user_id, image_id)
