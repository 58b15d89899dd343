"""The table, and writes to several of its items of which either all happen or none does.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from service.errors import Unavailable
from service.storage.aws import calling, error_code, told
from service.storage.items import Item, serialize

Action = dict[str, Any]
"""A member of `TransactItems`."""

CONDITION_FAILED = "ConditionalCheckFailedException"
PASSING = {"TransactionConflict", "TransactionConflictException", "ThrottlingError", "ProvisionedThroughputExceeded"}
"""What DynamoDB says when another transaction has one of the items, or when it cannot keep up: nothing was written."""
TRIES = 12
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.64
"""Seconds. A transaction holds its items for some 10 ms; all tries together stay below the time limit of a call."""

NAME = re.compile(r"#(\w+)")


class Table:
    """Items by their whole key. All methods raise `Unavailable` when DynamoDB does not answer as it should.

    In conditions and updates `#name` stands for an attribute and `:name` for the value given by that name.
    """

    def __init__(self, client: Any, name: str) -> None:
        self.client = client
        self.name = name

    async def get(self, partition: str, key: str) -> Item | None:
        """The item as it is at this moment."""
        async with calling("dynamodb"):
            answer = await self.client.get_item(TableName=self.name, Key=place(partition, key), ConsistentRead=True)
        item: Item | None = answer.get("Item")
        return item

    async def get_several(self, places: Sequence[tuple[str, str]]) -> list[Item]:
        """Those of up to 100 items that are there, as they may have been a moment ago, which costs half.

        When DynamoDB has no room for all of them, some are left out that are there.
        """
        keys = [place(partition, key) for partition, key in places]
        async with calling("dynamodb"):
            answer = await self.client.batch_get_item(RequestItems={self.name: {"Keys": keys}})
        items: list[Item] = told("dynamodb", answer, "Responses").get(self.name, [])
        return items

    async def query(
        self, partition: str, attributes: Sequence[str], condition: str, **values: Any
    ) -> AsyncIterator[Item]:
        """Some attributes of those items of a partition for which the condition holds."""
        shown = ", ".join(f"#{name}" for name in attributes)
        query = {
            "TableName": self.name,
            "KeyConditionExpression": "user_id = :partition",
            "ProjectionExpression": shown,
            "FilterExpression": condition,
            **_named(f"{shown} {condition}", {"partition": partition, **values}),
            "ConsistentRead": True,
        }
        while True:
            async with calling("dynamodb"):
                answer = await self.client.query(**query)
            for item in told("dynamodb", answer, "Items"):
                yield item
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    async def write(self, *actions: Action) -> bool:
        """All of these at once; False, and nothing is written, when a condition does not hold.

        A write whose answer is lost is not done twice: botocore repeats it under the same ClientRequestToken.
        """
        async with calling("dynamodb"):
            try:
                await patiently(self.client.transact_write_items, TransactItems=list(actions))
            except ClientError as error:
                if "ConditionalCheckFailed" not in _reasons(error):
                    raise
                return False
        return True

    async def put_if(self, item: Item, condition: str, **values: Any) -> bool:
        """One item alone; False when the condition does not hold."""
        return await self._one(self.client.put_item, self.put(item, condition, **values)["Put"])

    async def update_if(self, partition: str, key: str, update: str, condition: str, **values: Any) -> bool:
        """One item alone; False when the condition does not hold."""
        action = self.update(partition, key, update, condition, **values)
        return await self._one(self.client.update_item, action["Update"])

    async def _one(self, call: Callable[..., Awaitable[Any]], parameters: dict[str, Any]) -> bool:
        async with calling("dynamodb"):
            try:
                await patiently(call, **parameters)
            except ClientError as error:
                if error_code(error) != CONDITION_FAILED:
                    raise
                return False
        return True

    def put(self, item: Item, condition: str, **values: Any) -> Action:
        """Write this item."""
        return {"Put": {**self._if(condition, condition, values), "Item": item}}

    def update(self, partition: str, key: str, update: str, condition: str, **values: Any) -> Action:
        """Change some attributes."""
        more = self._if(condition, f"{update} {condition}", values)
        return {"Update": {**more, "Key": place(partition, key), "UpdateExpression": update}}

    def delete(self, partition: str, key: str, condition: str, **values: Any) -> Action:
        """Remove the item."""
        return {"Delete": {**self._if(condition, condition, values), "Key": place(partition, key)}}

    def check(self, partition: str, key: str, condition: str, **values: Any) -> Action:
        """Write nothing here, and the others only if the condition holds."""
        return {"ConditionCheck": {**self._if(condition, condition, values), "Key": place(partition, key)}}

    def _if(self, condition: str, expressions: str, values: dict[str, Any]) -> dict[str, Any]:
        return {"TableName": self.name, "ConditionExpression": condition, **_named(expressions, values)}


async def patiently(call: Callable[..., Awaitable[Any]], **parameters: Any) -> Any:
    """What the call gives; while another transaction has one of its items, it is tried again.

    :raises ClientError: it did not succeed.
    """
    pause = FIRST_PAUSE
    for _ in range(TRIES - 1):
        try:
            return await call(**parameters)
        except ClientError as error:
            if not PASSING & {error_code(error), *_reasons(error)}:
                raise
        # At random, as those who met at an item would else meet again.
        await asyncio.sleep(random.uniform(0, pause))  # noqa: S311
        pause = min(2 * pause, LONGEST_PAUSE)
    return await call(**parameters)


def place(partition: str, key: str) -> Item:
    """A key of the table."""
    return {"user_id": {"S": partition}, "image_id": {"S": key}}


def contended() -> Unavailable:
    """Others have changed the same items again and again."""
    return Unavailable("dynamodb_unavailable", "DYNAMODB cannot take this request now.", retry_after=1)


def _reasons(error: ClientError) -> list[str]:
    return [str(reason.get("Code")) for reason in error.response.get("CancellationReasons", ())]


def _named(expressions: str, values: dict[str, Any]) -> dict[str, Any]:
    """What `#name` and `:name` in expressions stand for; DynamoDB takes neither of them empty."""
    made: dict[str, Any] = {}
    if names := NAME.findall(expressions):
        made["ExpressionAttributeNames"] = {f"#{name}": name for name in names}
    if values:
        made["ExpressionAttributeValues"] = serialize({f":{name}": value for name, value in values.items()})
    return made
