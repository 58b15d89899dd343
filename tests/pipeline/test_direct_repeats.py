"""A form may be used several times, by whoever has it, and its owner may change their mind: one image, or none."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from service.images import Receipt
from service.storage.aws import object_store
from service.storage.bucket import Bucket
from service.storage.notifications import Arrival
from service.storage.objects import Objects
from tests.backstage import final, working
from tests.bad_pictures import BAD
from tests.direct import event, key_of, post
from tests.pictures import TINY, jpeg_grayscale, jpeg_progressive
from tests.stage import LIMITS, Stage
from worker.admission import admit
from worker.processing import Retry

FIRST, SECOND = jpeg_grayscale().data, jpeg_progressive().data
BROKEN = BAD["jpeg_progressive_half"].data  # which only decoding tells
NO_PICTURE = b"<html><script>alert(1)</script></html>"
CHECKS: dict[str, Callable[[Stage], Awaitable[None]]] = {
    "first": lambda stage: stage.is_only(FIRST),
    "second": lambda stage: stage.is_only(SECOND),
    "no_picture": lambda stage: stage.is_rejected("signature_mismatch"),
    "broken": lambda stage: stage.is_rejected("corrupt_image"),
    "gone": lambda stage: stage.is_gone(),
}
FILES = {"first": FIRST, "second": SECOND, "no_picture": NO_PICTURE, "broken": BROKEN}
# Posts of these files and what happens between them; then the worker does the rest. What it saw first counts.
STORIES = [
    f"{one} {between} {other} = {one if between else other}".replace("  ", " ")
    for one, others in {
        "first": ("second", "first", "no_picture", "broken"),
        "no_picture": ("first",),
        "broken": ("first",),
    }.items()
    for other in others
    for between in ("", "admit", "drain", "stage")
    if (one, between) != ("no_picture", "stage")  # it never comes to that
] + [
    "first admit admit second admit = first",
    "first stage admit second admit = first",
    "first stage no_picture admit = first",
    "first drain first drain second drain no_picture = first",
    "first admit second no_picture admit second = first",
    "first drain second stage = first",
    "first delete second stage = gone",
    "delete first = gone",
    "first delete = gone",
    "first delete second = gone",
    "first admit delete = gone",
    "first admit delete second admit = gone",
    "first stage delete = gone",
    "first drain delete = gone",
    "first drain delete second drain first = gone",
    "first admit second delete = gone",
    "broken drain delete first = gone",
    "no_picture admit delete first = gone",
]


@pytest.mark.parametrize("story", STORIES)
async def test_one_form_several_files(stage: Stage, story: str) -> None:
    """In whichever order: one image of the bytes that its record tells of, or none if its owner wants none."""
    *steps, _, end = story.split()
    for step in steps:
        await (stage.arrive(FILES[step]) if step in FILES else getattr(stage, step)())
    await stage.drain()
    await CHECKS[end](stage)


class Interrupted(Objects):
    """Objects, but that something happens right before or after an upload is staged."""

    def __init__(self, inner: Objects, *, before: Callable[[], Any] | None = None, after: Any = None) -> None:
        self.__dict__.update(inner.__dict__)
        self._before, self._after = before, after

    async def put_staged(self, receipt: Receipt, content: Sequence[bytes], *, new: bool = False) -> bool:
        before, self._before = self._before, None
        if before:
            await before()
        made = await super().put_staged(receipt, content, new=new)
        after, self._after = self._after, None
        if after:
            await after()
        return made


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("what", ["delete", "second drain", "no_picture drain", "broken drain", "second admit"])
async def test_while_it_is_admitted(stage: Stage, what: str, when: str) -> None:
    """Another delivery, another worker or the owner gets in between the worker's look and its staging."""
    await stage.arrive(FIRST)

    async def meanwhile() -> None:
        for step in what.split():
            await (stage.arrive(FILES[step]) if step in FILES else getattr(stage, step)())

    await stage.admit(Interrupted(stage.storage.objects, **{when: meanwhile}))
    await stage.drain()
    if what == "delete":
        return await stage.is_gone()
    # Before: the other one was staged first. After: the other one came too late.
    return await CHECKS[what.split()[0] if when == "before" else "first"](stage)


async def test_many_at_once(stage: Stage) -> None:
    """Two workers, three files over and over, and notifications that come twice."""
    files = [FIRST, SECOND, TINY["image/jpeg"].data] * 4
    async with (
        working(stage.settings, stage.storage, stage.decoders),
        working(stage.settings, stage.storage, stage.decoders),
    ):
        await asyncio.gather(
            *(post(stage.client, stage.given, data) for data in files),
            *(stage.backstage.send(event(key_of(stage.given))) for _ in files),
        )
        record = await final(stage.client, stage.given["image_id"])
    await stage.drain()
    (data,) = {data for data in files if len(data) == record["size"]}
    await stage.is_only(data)


class Contested(Objects):
    """S3 that answers "conflict" to a conditional PUT though nothing is there, as it may at two at once."""

    async def put_staged(self, receipt: Receipt, content: Sequence[bytes], *, new: bool = False) -> bool:
        """Nothing is staged."""
        return False


async def test_a_conflict_that_leaves_nothing(stage: Stage) -> None:
    """The upload is not taken for one that has been admitted: its bytes stay, and its message comes again."""
    await stage.arrive(FIRST)
    contested = replace(stage.storage, objects=Contested(Bucket(*[object_store(stage.settings)] * 2)))
    outcome = await admit(Arrival(stage.client.user, stage.given["image_id"]), contested, LIMITS)
    assert isinstance(outcome, Retry)
    assert outcome.outage
    await stage.drain()
    await stage.is_only(FIRST)
