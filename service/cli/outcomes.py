"""What has become of each file of a batch, for people and for programs."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from service.cli.ending import told
from service.cli.plain import many, plain, size_of
from service.remote.errors import Conflict, Problem

if TYPE_CHECKING:
    from service.client import Image

WORDS = {
    "ready": "stored",
    "queued": "accepted",
    "present": "there already",
    "same": "the same as another",
    "refused": "refused",
    "failed": "failed",
    "unsent": "not sent",
    "skipped": "no image",
}
"""All outcomes, and how a summary calls them."""
DONE = frozenset({"ready", "queued", "present", "same", "skipped"})
STYLES = {"ready": "green", "queued": "green", "present": "cyan", "same": "cyan", "refused": "red", "failed": "red"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has become of one file; `same_as` is the file whose bytes it has."""

    file: str
    kind: str
    image_id: str | None = None
    code: str | None = None
    detail: str | None = None
    same_as: str | None = None

    def as_json(self) -> str:
        """One line."""
        return json.dumps(
            {
                "file": self.file,
                "outcome": self.kind,
                "image_id": self.image_id,
                "same_as": self.same_as,
                "code": self.code,
                "detail": self.detail,
            }
        )

    def words(self) -> tuple[str, str]:
        """What it is, and the rest of the line."""
        why = f"{self.detail or ''}{f' ({self.code})' if self.code else ''}"
        told = [self.file, self.image_id, f"same as {self.same_as}" if self.same_as else "", why]
        return f"{self.kind:8}", plain("  ".join(one for one in told if one))


def of_image(file: str, image: "Image", *, present: bool = False) -> Outcome:
    """The outcome that the status of an image is."""
    if image.status in ("rejected", "failed"):
        kind = "refused" if image.status == "rejected" else "failed"
        why = (image.reason.code, image.reason.detail) if image.reason else (None, None)
        return Outcome(file, kind, image.image_id, *why)
    return Outcome(file, "present" if present and image.status == "ready" else image.status, image.image_id)


def of_error(file: str, error: Exception) -> Outcome:
    """The outcome that an error is which ends one file only."""
    if isinstance(error, Problem):
        again = " With --again it is uploaded anew." if error.code == "image_deleted" else ""
        kind = "refused" if error.status == 400 or isinstance(error, Conflict) else "failed"
        return Outcome(file, kind, error.image_id, error.code, error.detail + again)
    return Outcome(file, "failed", detail=told(error))


@dataclass(frozen=True)
class Summary:
    """All outcomes together. `sent` in bytes, `waited`: images that are queued still count as not done."""

    outcomes: list[Outcome]
    sent: int
    waited: bool
    interrupted: bool

    @property
    def counts(self) -> Counter[str]:
        """How many there are of each kind."""
        return Counter(one.kind for one in self.outcomes)

    @property
    def all_done(self) -> bool:
        """Whether nothing is left to do."""
        done = DONE - {"queued"} if self.waited else DONE
        return not self.interrupted and set(self.counts) <= done

    def as_json(self) -> str:
        """One line."""
        counts: dict[str, Any] = {kind: self.counts[kind] for kind in WORDS}
        files = len(self.outcomes)
        return json.dumps({"summary": {"files": files, **counts, "sent": self.sent, "interrupted": self.interrupted}})

    def as_text(self) -> str:
        """One line, and another when something is to be done."""
        parts = ", ".join(f"{self.counts[kind]:,} {word}" for kind, word in WORDS.items() if self.counts[kind])
        text = f"{many(len(self.outcomes), 'file')}: {parts}. {size_of(self.sent)} sent."
        if self.counts["skipped"]:
            text += f"\nNo images: {_some([one.file for one in self.outcomes if one.kind == 'skipped'])}."
        if self.interrupted or self.counts["unsent"]:
            text += "\nTo go on, run the same command again: what is there already is not stored twice."
        return text


def _some(names: Iterable[str]) -> str:
    shown, *more = [plain(name) for name in names][:3], len(list(names)) - 3
    return ", ".join(shown) + (f" and {more[0]:,} more" if more[0] > 0 else "")
