"""What users do, one request each, with what must be there before it: the rows of the tables of faults."""

import os
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from service.images import MAX_BYTES, Record, Status
from service.storage import Storage
from service.storage.catalog import Deleted
from tests.api.records import record, settle
from tests.driver import Answer, Client
from tests.pictures import jpeg_progressive

LONG = os.urandom(600_000)
"""Bytes of a stored image that are many pieces on their way out."""
PICTURE = jpeg_progressive().data


@dataclass(frozen=True)
class Prepared:
    """What a user needs for the story: an image that is there or not, and the words of this one request."""

    user: str
    image_id: str
    key: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True)
class Story:
    """One request of a user.

    `good` are the statuses that it may have when all is well; with a fault it may have those too, or 503.
    """

    route: tuple[str, str]
    ask: Callable[[Client, Prepared], Awaitable[Answer]]
    good: frozenset[int]
    ready: bool = True
    """Whether the user has an image that is ready."""
    queued: bool = False
    """Whether one is staged."""
    accepts: bool = False
    """Whether a 2xx promises an image."""
    body: bytes | None = None
    """The bytes of the answer when all is well, where they are always the same."""
    needless: str | None = None
    """A call without which the story ends well all the same."""
    took: Callable[[Storage, Prepared], Awaitable[bool]] | None = None
    """Whether the catalog shows that it was done."""


def new_user() -> str:
    """A user whom nobody has seen yet, as `calls.USER` knows them."""
    return f"u-{uuid.uuid4().hex[:12]}"


async def prepare(story: Story, user: str, storage: Storage) -> Prepared:
    """Put there what the story begins with, past all faults."""
    if story.queued:
        receipt = record(user, content_type="image/jpeg", sha256="1" * 64, size=len(PICTURE)).receipt
        await storage.objects.put_staged(receipt, [PICTURE])
        return Prepared(user, receipt.image_id)
    ready = record(user, size=len(LONG), status=Status.READY)
    if story.ready:
        await settle(storage, ready)
        await storage.objects.put_image(ready.receipt, "original", "image/jpeg", LONG)
    return Prepared(user, ready.receipt.image_id)


def _get(path: str, **headers: str) -> Callable[[Client, Prepared], Awaitable[Answer]]:
    async def ask(client: Client, prepared: Prepared) -> Answer:
        return await client.get(path.format(image_id=prepared.image_id), **headers)

    return ask


async def _upload(client: Client, prepared: Prepared) -> Answer:
    return await client.upload(PICTURE, "image/jpeg")


async def _upload_form(client: Client, prepared: Prepared) -> Answer:
    form = aiohttp.FormData()
    form.add_field("title", "Rocket")
    form.add_field("file", PICTURE, filename="a.jpg", content_type="image/jpeg")
    return await client.ask("POST", "/v1/images", data=form, headers={"Idempotency-Key": prepared.key})


async def _upload_with_key(client: Client, prepared: Prepared) -> Answer:
    return await client.upload(PICTURE, "image/jpeg", Idempotency_Key=prepared.key)


async def _upload_and_wait(client: Client, prepared: Prepared) -> Answer:
    return await client.upload(PICTURE, "image/jpeg", Prefer="wait=0")


async def _direct(client: Client, prepared: Prepared) -> Answer:
    body = {"content_type": "image/jpeg", "size": MAX_BYTES}
    return await client.ask("POST", "/v1/uploads", json=body, headers={"Idempotency-Key": prepared.key})


async def _edit(client: Client, prepared: Prepared) -> Answer:
    path = f"/v1/images/{prepared.image_id}"
    return await client.ask("PATCH", path, json={"title": prepared.key})


async def _edit_once(client: Client, prepared: Prepared) -> Answer:
    """In the version that is there, and in no other."""
    path = f"/v1/images/{prepared.image_id}"
    return await client.ask("PATCH", path, json={"title": prepared.key}, headers={"If-Match": '"1"'})


async def _delete(client: Client, prepared: Prepared) -> Answer:
    return await client.ask("DELETE", f"/v1/images/{prepared.image_id}")


async def _edited(storage: Storage, prepared: Prepared) -> bool:
    known = await storage.catalog.get(prepared.user, prepared.image_id)
    return isinstance(known, Record) and known.receipt.title == prepared.key


async def _deleted(storage: Storage, prepared: Prepared) -> bool:
    gone = not await storage.objects.open_image(prepared.user, prepared.image_id, "original")
    staged = await storage.objects.staged_receipt(prepared.user, prepared.image_id)
    return gone and staged is None and isinstance(await storage.catalog.get(prepared.user, prepared.image_id), Deleted)


def _story(method: str, path: str, ask: Any, *good: int, **more: Any) -> Story:
    return Story((method, path), ask, frozenset(good), **more)


IMAGES, IMAGE = "/v1/images", "/v1/images/{image_id}"
CONTENT = f"{IMAGE}/content"
STORIES: Mapping[str, Story] = {
    "upload": _story("POST", IMAGES, _upload, 202, ready=False, accepts=True),
    "upload a form": _story("POST", IMAGES, _upload_form, 202, ready=False, accepts=True),
    "upload with a key": _story("POST", IMAGES, _upload_with_key, 202, ready=False, accepts=True),
    "upload and wait": _story(
        "POST", IMAGES, _upload_and_wait, 202, ready=False, accepts=True, needless="dynamodb GetItem"
    ),
    "ask for a form": _story("POST", "/v1/uploads", _direct, 201, ready=False),
    "list": _story("GET", IMAGES, _get(IMAGES), 200),
    "list what is queued": _story("GET", IMAGES, _get(f"{IMAGES}?status=queued"), 200, queued=True),
    "look": _story("GET", IMAGE, _get(IMAGE), 200),
    "look at a queued one": _story("GET", IMAGE, _get(IMAGE), 200, queued=True),
    "look at none": _story("GET", IMAGE, _get(IMAGE), 404, ready=False),
    "edit": _story("PATCH", IMAGE, _edit, 200, took=_edited),
    "edit a version": _story("PATCH", IMAGE, _edit_once, 200, took=_edited),
    "delete": _story("DELETE", IMAGE, _delete, 204, took=_deleted),
    "delete a queued one": _story("DELETE", IMAGE, _delete, 204, queued=True, took=_deleted),
    "fetch": _story("GET", CONTENT, _get(CONTENT), 200, body=LONG),
    "fetch a part": _story("GET", CONTENT, _get(CONTENT, Range="bytes=9-99999"), 206, body=LONG[9:100_000]),
    "be sent elsewhere": _story("GET", CONTENT, _get(f"{CONTENT}?redirect=1"), 302),
}
NOTHING_OF_AWS = {("GET", "/healthz")}
OWN_TEST = {("GET", "/readyz"), ("GET", "/metrics")}


def with_other_routes(routes: set[tuple[str, str]]) -> dict[str, Story]:
    """All stories, and a plain one for each GET that none of them is about.

    :raises AssertionError: a route that is no GET has no story.
    """
    told = {story.route for story in STORIES.values()} | NOTHING_OF_AWS | OWN_TEST
    plain = {(method, path) for method, path in routes - told if method == "GET" and path.startswith("/v1/")}
    # A HEAD asks for nothing that its GET does not.
    untold = {(method, path) for method, path in routes - told - plain if path.startswith("/v1/") and method != "HEAD"}
    assert not untold, f"no story is about {untold}"
    return {**STORIES, **{path: _story("GET", path, _get(path), 200) for _, path in sorted(plain)}}
