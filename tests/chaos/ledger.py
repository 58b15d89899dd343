"""What clients have tried and what they were told: all that the service has to answer for in the end."""

import time
from collections import defaultdict
from dataclasses import dataclass, field

from tests.chaos.specimens import Specimen
from tests.driver import Answer


@dataclass(eq=False)
class Upload:
    """One thing that a client wants to have stored.

    `tries` counts requests that may have had an effect; `ids` are the images that were acknowledged. Under a key all
    tries are one image.
    """

    user: str
    specimen: Specimen
    title: str
    key: str | None = None
    direct: bool = False
    tries: int = 0
    ids: set[str] = field(default_factory=set)
    acknowledged: int = 0

    @property
    def unknown(self) -> int:
        """How many images may be there beside those acknowledged."""
        if self.key is not None:
            return 1 if self.tries and not self.ids else 0
        return self.tries - self.acknowledged


@dataclass(eq=False)
class Acknowledged:
    """An image that its client knows of."""

    upload: Upload
    image_id: str
    title: str
    seen_ready: bool = False
    deleted: bool = False


@dataclass
class Ledger:
    """Of all clients of a round; `wrong` collects answers that should not have been."""

    uploads: set[Upload] = field(default_factory=set)
    images: dict[str, Acknowledged] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    began: float = field(default_factory=time.monotonic)
    _notes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def note(self, about: str, text: str) -> None:
        """Keep this for the story of an image, or of an upload by the hash of its bytes."""
        if about:
            self._notes[about].append(f"{time.monotonic() - self.began:8.3f} {text}")

    def tried(self, upload: Upload) -> None:
        """A request goes out, or went to S3 directly."""
        upload.tries += 1
        self.note(upload.specimen.sha256, f"{upload.user} tries to upload it, time {upload.tries}, key {upload.key}")

    def acknowledge(self, upload: Upload, image_id: str) -> None:
        """The client was told that its upload is this image."""
        upload.acknowledged += 1
        self.note(image_id, f"acknowledged to {upload.user}; its bytes are {upload.specimen.sha256}")
        if upload.key is not None and upload.ids and image_id not in upload.ids:
            self.wrong.append(f"one key, two images: {upload.ids} and {image_id}")
        if upload.key is None and image_id in self.images:
            self.wrong.append(f"two uploads, one image: {image_id}")
        upload.ids.add(image_id)
        self.images.setdefault(image_id, Acknowledged(upload, image_id, upload.title))

    def saw(self, image: Acknowledged, status: str) -> None:
        """The client was shown this status of its image."""
        if image.seen_ready and status != "ready":
            self.wrong.append(f"{image.image_id} was ready, and then {status}")
        if status not in ("queued", image.upload.specimen.verdict):
            self.wrong.append(f"{image.image_id} should be {image.upload.specimen.verdict}, not {status}")
        image.seen_ready = image.seen_ready or status == "ready"

    def expect(self, answer: Answer, *statuses: int, about: str = "") -> bool:
        """Whether the answer is one of those that can be; any other is wrong."""
        if answer.status not in statuses:
            self.wrong.append(f"{answer.status} instead of {statuses} ({about}): {answer.body[:300]!r}")
        return answer.status in statuses

    def story(self, *about: str) -> str:
        """What is known to have happened to these, in order."""
        return "\n".join(sorted(line for one in set(about) for line in self._notes.get(one, ())))
