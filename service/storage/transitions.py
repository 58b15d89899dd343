"""What an image counts for in its user's usage, and each change of that, which is one transaction with the record.

A user's usage lives in the partition `usage#<user_id>` of the table: the item `total`, and with a quota one reservation
for each upload that is accepted and has no record yet. At any moment

    total = all records that are ready or failed + all reservations

and an image has a reservation or a record, never both.
"""

from dataclasses import dataclass

from service.images import Status
from service.storage.items import Item
from service.storage.table import Action, Table

TOTAL = "total"
"""Sorts behind all image ids, which are hexadecimal."""
COUNTED = (Status.READY, Status.FAILED)
"""Of these a user keeps bytes; `rejected` and `deleted` have none."""


@dataclass(frozen=True, slots=True)
class Used:
    """What images take up: how many they are, and bytes of their originals."""

    images: int = 0
    bytes: int = 0

    def __sub__(self, other: "Used") -> "Used":
        """The difference."""
        return Used(self.images - other.images, self.bytes - other.bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the table is taken to hold of an image: status and size of its record, or the size of its reservation.

    `looked` is false when nobody has looked for a reservation: then the user's total must say that he has none at all.
    """

    status: Status | None = None
    size: int = 0
    reservation: int | None = None
    looked: bool = True

    @property
    def used(self) -> Used:
        """What it counts for."""
        return Used(1, self.reservation) if self.reservation is not None else counted(self.status, self.size)


def counted(status: Status | None, size: int) -> Used:
    """What a record of that status counts for."""
    return Used(1, size) if status in COUNTED else Used()


def usage_of(user_id: str) -> str:
    """The partition of a user's usage; user ids contain no "#", so no user has it for a name."""
    return f"usage#{user_id}"


def user_of(partition: str) -> str:
    """Whose usage a partition keeps."""
    return partition.partition("#")[2]


def transition(table: Table, item: Item, held: Held, after: Used) -> list[Action]:
    """Write `item`, a record or tombstone that counts for `after`, in the place of what is `held`, if it really is."""
    user_id, image_id = item["user_id"]["S"], item["image_id"]["S"]
    usage = usage_of(user_id)
    actions = [_put(table, item, held)]
    unreserved = ""
    if held.reservation is not None:
        actions.append(table.delete(usage, image_id, "#size = :size", size=held.reservation))
    elif held.status is None and held.looked:
        actions.append(table.check(usage, image_id, "attribute_not_exists(image_id)"))
    elif held.status is None:
        unreserved = "attribute_not_exists(#reserved)"
    if (more := after - held.used) != Used():
        actions.append(add(table, user_id, more, unreserved))
    elif unreserved:
        actions.append(table.check(usage, TOTAL, unreserved))
    return actions


def _put(table: Table, item: Item, held: Held) -> Action:
    if held.status is None:
        return table.put(item, "attribute_not_exists(image_id)")
    if held.status is Status.DELETED:
        return table.put(item, "#status = :was", was=held.status.value)
    # An edit that comes between changes neither, and is not undone: what replaces a final record is a tombstone.
    return table.put(item, "#status = :was AND #size = :had", was=held.status.value, had=held.size)


def add(table: Table, user_id: str, more: Used, condition: str = "", update: str = "", **values: int | bool) -> Action:
    """Add to a user's total, which must exist; `changes` tells a recount that it has to begin anew."""
    return table.update(
        usage_of(user_id),
        TOTAL,
        f"{update} ADD #images :images, #bytes :bytes, #changes :one".strip(),
        "attribute_exists(image_id)" + (f" AND {condition}" if condition else ""),
        images=more.images,
        bytes=more.bytes,
        one=1,
        **values,
    )
