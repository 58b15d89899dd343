"""Brings dead letters back to the queue, where their deliveries are counted anew.

SQS could do it by itself (`StartMessageMoveTask`), but it would also move what no worker here can read, and that would
be dead again after five more deliveries each.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from service.errors import ServiceError
from service.images import UndecodableMessage
from service.settings import Settings
from service.storage import Storage, open_storage
from service.storage.messages import Delivery
from worker.deliveries import uploads_in

WAIT_SECONDS = 1
"""Any wait makes SQS ask all of its servers; so an empty answer means that there is none left."""
HOLD_SECONDS = 43_200
"""The longest that SQS hides a message: what stays must not come by a second time."""
MOST_REASONS = 20


@dataclass
class Redriven:
    """How many dead letters were moved (or in a dry run would be), and how many are left, by reason."""

    moved: int = 0
    left: Counter[str] = field(default_factory=Counter)
    broken_off: str | None = None
    dry_run: bool = False

    def as_text(self) -> str:
        """For people."""
        letters = "1 dead letter" if self.moved == 1 else f"{self.moved} dead letters"
        if self.dry_run:
            lines = [f"{letters} would go back to the queue."]
        else:
            lines = [f"{letters} {'is' if self.moved == 1 else 'are'} back in the queue."]
        lines += [f"left: {count} × {why}" for why, count in self.left.most_common(MOST_REASONS)]
        if self.left:
            lines.append("--all moves these, too; a newer version of the worker may understand them.")
        if self.broken_off:
            lines.append(f"Broken off: {self.broken_off}")
        return "\n".join(lines)


async def redrive(
    storage: Storage, *, limit: int | None = None, everything: bool = False, dry_run: bool = False
) -> Redriven:
    """Move up to `limit` dead letters, with `everything` also those that this version cannot read."""
    done = Redriven(dry_run=dry_run)
    held: set[Delivery] = set()
    try:
        while limit is None or done.moved < limit:
            most = 10 if limit is None else min(10, limit - done.moved)
            deliveries = await storage.dead_letters.receive(most, WAIT_SECONDS)
            if not deliveries:
                break
            held.update(deliveries)
            reasons = {delivery: None if everything else _unreadable(delivery.body) for delivery in deliveries}
            done.left.update(reason for reason in reasons.values() if reason)
            readable = [delivery for delivery, reason in reasons.items() if reason is None]
            if dry_run:
                done.moved += len(readable)
            else:
                await _move(storage, readable, held, done)
            await storage.dead_letters.hide([one for one in deliveries if one in held], HOLD_SECONDS)
    except ServiceError as error:
        done.broken_off = f"{error.detail} {error.__cause__ or ''}".strip().partition("\n")[0]
    finally:
        await _give_back(storage, list(held))
    return done


def _unreadable(body: str) -> str | None:
    try:
        uploads_in(body)
    except UndecodableMessage as error:
        return str(error)
    return None


async def _move(storage: Storage, deliveries: list[Delivery], held: set[Delivery], done: Redriven) -> None:
    async def move(delivery: Delivery) -> None:
        # First into the one, then out of the other: twice does no harm.
        await storage.queue.send(delivery.body, delivery.trace)
        await storage.dead_letters.delete(delivery)
        held.remove(delivery)
        done.moved += 1

    outcomes = await asyncio.gather(*map(move, deliveries), return_exceptions=True)
    for error in filter(None, outcomes):
        raise error


async def _give_back(storage: Storage, deliveries: list[Delivery]) -> None:
    try:
        await storage.dead_letters.hide(deliveries, 0)
    except ServiceError:
        return  # they come back by themselves, late


async def redrive_all(settings: Settings, limit: int | None, *, everything: bool, dry_run: bool) -> Redriven:
    """Redrive what these settings name."""
    async with open_storage(settings) as storage:
        return await redrive(storage, limit=limit, everything=everything, dry_run=dry_run)
