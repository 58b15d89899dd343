"""The catalog as a whole: which of many images have a record, and all records page by page.

Both are looked at as they may have been a moment ago, at half the price; who acts on it asks `Catalog.get` once more.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.errors import Unavailable
from service.images import USER_ID, Status, is_image_id
from service.storage.aws import calling, told
from service.storage.debts import debt_of
from service.storage.items import Item
from service.storage.transitions import user_of

KEYS = 100
"""Most items of one BatchGetItem."""
ATTEMPTS = 5
NAMES = {"#status": "status"}

Image = tuple[str, str]
"""A user's id and an image's."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as far as the sweeper needs it; `variants` are their names, `reason` is the code."""

    image: Image
    status: Status
    variants: frozenset[str]
    reason: str | None


@dataclass(frozen=True, slots=True)
class Reservation:
    """What is counted in a user's usage for an upload that has no record yet, and since when (Unix time)."""

    image: Image
    reserved_at: float


@dataclass(frozen=True, slots=True)
class TablePage:
    """Some of what is in the table, and the position behind it; None after the last.

    `debts` are images of which somebody has still to be told.
    """

    entries: list[Entry]
    reservations: list[Reservation]
    debts: list[Image]
    last: dict[str, str] | None


class Survey:
    """Looks over the table. All methods raise `Unavailable` when DynamoDB does not answer as it should."""

    def __init__(self, client: Any, table: str, most: int | None = None) -> None:
        self._client = client
        self._table = table
        self._most = {"Limit": most} if most else {}

    async def made_at(self) -> datetime:
        """When the table was made: of what is older it knows nothing."""
        async with calling("dynamodb"):
            answer = await self._client.describe_table(TableName=self._table)
        made_at: datetime = told("dynamodb", told("dynamodb", answer, "Table"), "CreationDateTime")
        return made_at

    async def statuses(self, images: Collection[Image]) -> dict[Image, str]:
        """The status of each image that has a record or a tombstone."""
        known: dict[Image, str] = {}
        several = list(images)
        for at in range(0, len(several), KEYS):
            for item in await self._items(several[at : at + KEYS]):
                known[_image(item)] = item["status"]["S"]
        return known

    async def page(self, position: Mapping[str, str] | None) -> TablePage:
        """What is behind `position`; the records of a user in the order of their ids."""
        query: dict[str, Any] = {
            "TableName": self._table,
            "ProjectionExpression": "user_id, image_id, #status, variants, reason, reserved_at",
            "ExpressionAttributeNames": NAMES,
            **self._most,
        }
        if position:
            query["ExclusiveStartKey"] = {name: {"S": text} for name, text in position.items()}
        async with calling("dynamodb"):
            answer = await self._client.scan(**query)
        items, last = told("dynamodb", answer, "Items"), answer.get("LastEvaluatedKey")
        # The table holds other things than records, too: claims of idempotency keys, for one.
        return TablePage(
            [_entry(item) for item in items if _is_record(item)],
            [_reservation(item) for item in items if "reserved_at" in item],
            [debt for item in items if (debt := debt_of(item))],
            {name: value["S"] for name, value in last.items()} if last else None,
        )

    async def _items(self, images: list[Image]) -> list[Item]:
        keys = [{"user_id": {"S": user_id}, "image_id": {"S": image_id}} for user_id, image_id in images]
        wanted = {self._table: _projected(keys)}
        items: list[Item] = []
        for _ in range(ATTEMPTS):
            async with calling("dynamodb"):
                answer = await self._client.batch_get_item(RequestItems=wanted)
            items += told("dynamodb", answer, "Responses").get(self._table, ())
            # What DynamoDB leaves out for want of room must not be taken for what has no record.
            if not (wanted := answer.get("UnprocessedKeys") or {}):
                return items
        raise Unavailable("dynamodb_unavailable", "DynamoDB cannot take this request now.")


def _projected(keys: list[Item]) -> dict[str, Any]:
    return {
        "Keys": keys,
        "ProjectionExpression": "user_id, image_id, #status",
        "ExpressionAttributeNames": NAMES,
    }


def _image(item: Item) -> Image:
    return item["user_id"]["S"], item["image_id"]["S"]


def _is_record(item: Item) -> bool:
    user_id, image_id = _image(item)
    status = item.get("status", {}).get("S")
    return bool(USER_ID.fullmatch(user_id)) and is_image_id(image_id) and status in set(Status)


def _entry(item: Item) -> Entry:
    return Entry(
        image=_image(item),
        status=Status(item["status"]["S"]),
        variants=frozenset(item.get("variants", {}).get("M", {})),
        reason=item.get("reason", {}).get("M", {}).get("code", {}).get("S"),
    )


def _reservation(item: Item) -> Reservation:
    partition, image_id = _image(item)
    return Reservation((user_of(partition), image_id), float(item["reserved_at"]["N"]))
