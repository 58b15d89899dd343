"""What the service answers, typed. Fields have the API's names; what it says beyond them stays in `raw`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Variant:
    """A smaller picture: pixels, bytes, and where it is."""

    url: str
    width: int
    height: int
    size: int


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an image was rejected or has failed."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Image:
    """A receipt or a record. What nobody knows yet is None; `version` is 0 while the image is queued."""

    image_id: str
    status: str
    content_type: str
    size: int
    sha256: str | None
    width: int | None
    height: int | None
    frames: int | None
    filename: str | None
    title: str | None
    tags: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    version: int
    placeholder: str | None
    variants: Mapping[str, Variant]
    reason: Reason | None
    raw: Mapping[str, Any] = field(repr=False, compare=False)
    """The answer as it came."""

    @property
    def final(self) -> bool:
        """Whether the status stays as it is."""
        return self.status != "queued"


@dataclass(frozen=True, slots=True)
class Page:
    """Some images; `next_cursor` leads to the next ones, if there are any."""

    images: tuple[Image, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Quota:
    """The most there may be; None is no limit."""

    images: int | None
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a user's images take up; `bytes` of the originals."""

    images: int
    bytes: int
    quota: Quota
    raw: Mapping[str, Any] = field(repr=False, compare=False)


def image_of(body: Mapping[str, Any]) -> Image:
    """An image of its JSON.

    :raises KeyError, TypeError, ValueError: it is none.
    """
    reason = body["reason"]
    return Image(
        image_id=str(body["image_id"]),
        status=str(body["status"]),
        content_type=body["content_type"],
        size=int(body["size"]),
        sha256=body["sha256"],
        width=body["width"],
        height=body["height"],
        frames=body["frames"],
        filename=body["filename"],
        title=body["title"],
        tags=tuple(body["tags"]),
        created_at=datetime.fromisoformat(body["created_at"]),
        updated_at=datetime.fromisoformat(body["updated_at"]),
        version=int(body["version"]),
        placeholder=body["placeholder"],
        variants={name: _variant(one) for name, one in body["variants"].items()},
        reason=Reason(reason["code"], reason["detail"]) if reason else None,
        raw=body,
    )


def page_of(body: Mapping[str, Any]) -> Page:
    """A page of its JSON; raises as `image_of` does."""
    return Page(tuple(map(image_of, body["images"])), body["next_cursor"])


def usage_of(body: Mapping[str, Any]) -> Usage:
    """Usage of its JSON; raises as `image_of` does."""
    quota = body["quota"]
    return Usage(int(body["images"]), int(body["bytes"]), Quota(quota["images"], quota["bytes"]), body)


def _variant(one: Mapping[str, Any]) -> Variant:
    return Variant(one["url"], one["width"], one["height"], one["size"])
