"""Which image an `Idempotency-Key` of a user stands for.

The claims live in the table of records, in a partition of their own, and end by TTL. As DynamoDB deletes late, every
condition looks at the time itself.
"""

import hashlib
import time
from typing import Any

from botocore.exceptions import ClientError

from service.errors import Conflict, Unavailable
from service.storage.aws import calling, error_code
from service.storage.items import serialize
from service.storage.table import CONDITION_FAILED


class IdempotencyKeys:
    """The claims. All methods raise `Unavailable` when DynamoDB does not answer as it should."""

    def __init__(self, client: Any, table: str, seconds: int) -> None:
        self._client = client
        self._table = table
        self._seconds = seconds

    async def claim(self, user_id: str, key: str, image_id: str, fingerprint: str) -> str:
        """The image that `key` stands for: `image_id`, unless an earlier request has claimed it for another.

        `fingerprint` tells requests apart; the same request always has the same.

        :raises Conflict: the key was used for another request.
        """
        now = int(time.time())
        # User ids contain no "#", so no user has this partition for a name.
        place = {"user_id": f"idempotency#{user_id}", "image_id": hashlib.sha256(key.encode()).hexdigest()}
        claim = place | {"target": image_id, "fingerprint": fingerprint, "expires_at": now + self._seconds}
        async with calling("dynamodb"):
            try:
                await self._client.put_item(
                    TableName=self._table,
                    Item=serialize(claim),
                    ConditionExpression="attribute_not_exists(image_id) OR expires_at < :now",
                    ExpressionAttributeValues=serialize({":now": now}),
                )
                return image_id
            except ClientError as error:
                if error_code(error) != CONDITION_FAILED:
                    raise
            answer = await self._client.get_item(TableName=self._table, Key=serialize(place), ConsistentRead=True)
        item = answer.get("Item")
        if item is None:  # its time ended just now
            raise Unavailable("dynamodb_unavailable", "DynamoDB cannot take this request now.")
        if item["fingerprint"]["S"] != fingerprint:
            raise Conflict("idempotency_key_reused", "This Idempotency-Key was used for another upload before.")
        target: str = item["target"]["S"]
        return target
