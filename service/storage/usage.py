"""What each user's images take up, and the quota on that."""

import time
from dataclasses import dataclass
from typing import Any

from service.errors import TooManyRequests
from service.images import Receipt
from service.storage.items import Item, serialize
from service.storage.table import Table, contended, place
from service.storage.transitions import COUNTED, TOTAL, Held, Used, add, usage_of

TRIES = 10
"""How often a write is begun anew because others changed what it rests on."""


@dataclass(frozen=True, slots=True)
class Quota:
    """Most images and bytes of a user; None means no limit."""

    images: int | None = None
    bytes: int | None = None

    def __bool__(self) -> bool:
        """Whether there is any limit."""
        return self.images is not None or self.bytes is not None

    def has_room(self, used: Used, size: int) -> bool:
        """Whether one more image of `size` bytes fits beside what is used."""
        images = self.images is None or used.images < self.images
        return images and (self.bytes is None or used.bytes + size <= self.bytes)


class Usage:
    """The totals and reservations. All methods raise `Unavailable` when DynamoDB does not answer as it should.

    A user's total is made when it is first needed, from his records; each change after that is part of the
    transaction that makes it true (see `transitions`).
    """

    def __init__(self, table: Table, quota: Quota) -> None:
        self._table = table
        self._reserving = bool(quota)
        self.quota = quota

    async def get(self, user_id: str) -> Used:
        """What the user's images take up, those included for which there is a reservation."""
        total = await self._table.get(usage_of(user_id), TOTAL)
        return _used(total) if total else await self.recount(user_id)

    async def check(self, user_id: str, size: int, image_id: str | None = None) -> None:
        """Whether there is room for `size` more bytes at this moment, or for the image `image_id` already.

        :raises TooManyRequests: there is none.
        """
        if not self.quota or self.quota.has_room(used := await self.get(user_id), size):
            return
        if image_id is None or not await self._has_place(user_id, image_id):
            raise self._exceeded(used, size)

    async def reserve(self, receipt: Receipt, *, new: bool = False) -> None:
        """Count an upload from now on, if there is a quota; its record takes the place of the reservation.

        Nothing happens for an image that has a reservation or a record already.

        :param new: nobody else knows this image's id yet.
        :raises TooManyRequests: the quota has no room for it.
        """
        if not self.quota:
            return
        user_id, image_id, size = receipt.user_id, receipt.image_id, receipt.size
        table, partition = self._table, usage_of(user_id)
        values = {"size": size, "reserved_at": int(time.time())}
        actions = [
            table.put({**place(partition, image_id), **serialize(values)}, "attribute_not_exists(image_id)"),
            self._add_within_quota(user_id, size),
        ]
        if not new:
            actions.append(table.check(user_id, image_id, "attribute_not_exists(image_id)"))
        for _ in range(TRIES):
            if await table.write(*actions):
                return
            used = await self.get(user_id)
            # Only after that: else it might be this image itself, by another request, that has taken the last place.
            if await self._has_place(user_id, image_id):
                return
            if not self.quota.has_room(used, size):
                raise self._exceeded(used, size)
        raise contended()

    async def _has_place(self, user_id: str, image_id: str) -> bool:
        # In this order, as a reservation becomes a record.
        if await self.reservation(user_id, image_id) is not None:
            return True
        return await self._table.get(user_id, image_id) is not None

    def _add_within_quota(self, user_id: str, size: int) -> Any:
        conditions, values = [], {}
        if self.quota.images is not None:
            conditions.append("#images < :most")
            values["most"] = self.quota.images
        if self.quota.bytes is not None:
            # Conditions cannot add.
            conditions.append("#bytes <= :room")
            values["room"] = self.quota.bytes - size
        return add(
            self._table, user_id, Used(1, size), " AND ".join(conditions), "SET #reserved = :yes", yes=True, **values
        )

    def _exceeded(self, used: Used, size: int) -> TooManyRequests:
        parts = []
        if self.quota.images is not None:
            parts.append(f"{used.images:,} of {self.quota.images:,} images")
        if self.quota.bytes is not None:
            parts.append(f"{used.bytes:,} of {self.quota.bytes:,} bytes")
        return TooManyRequests(
            "quota_exceeded",
            f"There is no room for one more image of {size:,} bytes: "
            f"you have {' and '.join(parts)}. Delete some images first.",
        )

    async def release(self, user_id: str, image_id: str) -> None:
        """Count an upload no more that will have no record; nothing happens when it has no reservation."""
        for _ in range(TRIES):
            size = await self.reservation(user_id, image_id)
            if size is None:
                return
            delete = self._table.delete(usage_of(user_id), image_id, "#size = :size", size=size)
            if await self._table.write(delete, add(self._table, user_id, Used(-1, -size))):
                return
            await self.get(user_id)  # there may be no total yet
        raise contended()

    async def reservation(self, user_id: str, image_id: str) -> int | None:
        """The bytes reserved for an image; None when nothing is."""
        item = await self._table.get(usage_of(user_id), image_id)
        return int(item["size"]["N"]) if item else None

    async def recount(self, user_id: str) -> Used:
        """Make the total what it must be, also while writes go on; returns it.

        :raises Unavailable: also when the user's images changed all the time.
        """
        for _ in range(TRIES):
            total = await self._table.get(usage_of(user_id), TOTAL)
            # In this order, as a reservation becomes a record and never the other way round: no image is overlooked,
            # and one that is in both counts as its record. Whatever else happens meanwhile counts up `changes`.
            reserved = await self._sizes(usage_of(user_id), "attribute_exists(#reserved_at)")
            counted = {status.value: status.value for status in COUNTED}
            records = await self._sizes(user_id, f"#status IN ({', '.join(f':{name}' for name in counted)})", **counted)
            sizes = (reserved | records).values()
            used = Used(len(sizes), sum(sizes))
            if await self._set_total(user_id, total, used, reserved=bool(reserved)):
                return used
        raise contended()

    async def _sizes(self, partition: str, condition: str, **values: Any) -> dict[str, int]:
        items = self._table.query(partition, ("image_id", "size"), condition, **values)
        return {item["image_id"]["S"]: int(item["size"]["N"]) async for item in items}

    async def _set_total(self, user_id: str, total: Item | None, used: Used, *, reserved: bool) -> bool:
        flag, values = ("SET #reserved = :yes,", {"yes": True}) if reserved else ("REMOVE #reserved SET", {})
        return await self._table.update_if(
            usage_of(user_id),
            TOTAL,
            f"{flag} #images = :images, #bytes = :bytes, #changes = :changes",
            "#changes = :changes" if total else "attribute_not_exists(image_id)",
            images=used.images,
            bytes=used.bytes,
            changes=int(total["changes"]["N"]) if total else 0,
            **values,
        )

    def likely(self, size: int) -> Held:
        """What the table probably holds of an upload of that size that has no record: what it held of the last one."""
        return Held(reservation=size) if self._reserving else Held(looked=False)

    def learn(self, held: Held) -> None:
        """What it did hold."""
        if held.status is None:
            self._reserving = held.reservation is not None


def _used(total: Item) -> Used:
    return Used(int(total["images"]["N"]), int(total["bytes"]["N"]))
