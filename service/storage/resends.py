"""How often the sweeper has sent a message again, so that it neither floods the queue nor tries for ever.

These notes lie in the table of records, in a partition of their own, and end by TTL. They are not kept with the staged
object: to write its metadata is to write the object, which would bring it back if it is removed at that moment.
"""

import time
from dataclasses import dataclass
from typing import Any

from service.storage.aws import calling
from service.storage.items import serialize

KEPT_SECONDS = 30 * 86_400
"""As long as the lifecycle rules leave staged bytes there."""
PARTITION = "sweep#"
"""Of a user, before the id. User ids contain no "#", so no user has it for a name."""


@dataclass(frozen=True, slots=True)
class Resent:
    """How often a message has been sent again, and when last (Unix time)."""

    times: int
    at: float


class Resends:
    """The notes. All methods raise `Unavailable` when DynamoDB does not answer as it should."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    async def get(self, user_id: str, what: str) -> Resent:
        """What is noted of `what` of a user."""
        async with calling("dynamodb"):
            answer = await self._client.get_item(TableName=self._table, Key=_key(user_id, what), ConsistentRead=True)
        item = answer.get("Item")
        return Resent(int(item["times"]["N"]), float(item["sent_at"]["N"])) if item else Resent(0, 0)

    async def note(self, user_id: str, what: str, times: int) -> None:
        """Note that the message has just been sent for the so-manieth time."""
        now = int(time.time())
        values = serialize({"times": times, "sent_at": now, "expires_at": now + KEPT_SECONDS})
        async with calling("dynamodb"):
            await self._client.put_item(TableName=self._table, Item=_key(user_id, what) | values)


def _key(user_id: str, what: str) -> dict[str, Any]:
    return serialize({"user_id": f"{PARTITION}{user_id}", "image_id": what})
