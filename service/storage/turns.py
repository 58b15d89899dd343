"""Whose turn it is to do what one of many does now and then: a lease in the table of records, which ends by itself.

Clocks that differ may give two a turn at once; what is done in one must bear that.
"""

import json
import time
import uuid
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from service.storage.aws import calling, error_code
from service.storage.items import serialize
from service.storage.table import CONDITION_FAILED

LEASE_SECONDS = 300
"""How long a turn lasts if it is not kept; after that its holder is taken for dead."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn, and where the last holder stood (as JSON has it; None at the beginning)."""

    turns: "Turns"
    token: str
    position: Any

    async def keep(self, position: Any) -> bool:
        """Hold it for longer and note the position; False when it is another's by now."""
        return await self.turns.write(self.token, position, held_until=time.time() + LEASE_SECONDS)

    async def pass_on(self, position: Any) -> None:
        """Let anyone go on from there at once."""
        await self.turns.write(self.token, position)

    async def end(self, seconds: float) -> None:
        """All is done; the next turn begins after so many seconds."""
        await self.turns.write(self.token, None, due_at=time.time() + seconds)


class Turns:
    """The turns at one thing. All methods raise `Unavailable` when DynamoDB does not answer as it should."""

    def __init__(self, client: Any, table: str, what: str) -> None:
        self._client = client
        self._table = table
        # User ids contain no "#", so no user has this partition for a name.
        self._key = serialize({"user_id": f"lease#{what}", "image_id": "turn"})

    async def take(self) -> Turn | None:
        """A turn, unless somebody has one or none is due."""
        async with calling("dynamodb"):
            answer = await self._client.get_item(TableName=self._table, Key=self._key, ConsistentRead=True)
        item = answer.get("Item")
        if item and max(float(item["held_until"]["N"]), float(item["due_at"]["N"])) > time.time():
            return None
        position = json.loads(item["position"]["S"]) if item else None
        turn = Turn(self, uuid.uuid4().hex, position)
        seen = item["token"]["S"] if item else None
        held_until = time.time() + LEASE_SECONDS
        return (
            turn if await self.write(turn.token, position, held_until=held_until, seen=seen, first=not item) else None
        )

    async def write(
        self,
        token: str,
        position: Any,
        *,
        held_until: float = 0,
        due_at: float = 0,
        seen: str | None = None,
        first: bool = False,
    ) -> bool:
        """Write the lease if it is as it was `seen` (else as the holder of `token` left it); whether it was."""
        values = {
            "token": token,
            "position": json.dumps(position),
            "held_until": int(held_until),
            "due_at": int(due_at),
        }
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(image_id)"}
        if not first:
            condition = {
                "ConditionExpression": "#token = :seen",
                "ExpressionAttributeNames": {"#token": "token"},
                "ExpressionAttributeValues": serialize({":seen": seen or token}),
            }
        async with calling("dynamodb"):
            try:
                await self._client.put_item(TableName=self._table, Item=self._key | serialize(values), **condition)
            except ClientError as error:
                if error_code(error) != CONDITION_FAILED:
                    raise
                return False
        return True
