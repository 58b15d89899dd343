"""What a sweep has looked at, found, repaired and left."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

MOST_EXAMPLES = 100
"""Most things that a report names one by one."""


class Kind(StrEnum):
    """What may be found."""

    STAGED_WITHOUT_RECORD = "staged_without_record"
    STAGED_OF_SETTLED = "staged_of_settled"
    STAGED_UNREADABLE = "staged_unreadable"
    DIRECT_WITHOUT_RECORD = "direct_without_record"
    DIRECT_OF_SETTLED = "direct_of_settled"
    NEVER_PROCESSED = "never_processed"
    STORED_WITHOUT_RECORD = "stored_without_record"
    STORED_OF_GONE = "stored_of_gone"
    RECORD_WITHOUT_ORIGINAL = "record_without_original"
    RECORD_WITHOUT_VARIANTS = "record_without_variants"
    ORIGINAL_IS_BACK = "original_is_back"
    RESERVED_FOR_NOTHING = "reserved_for_nothing"
    NEVER_TOLD = "never_told"
    UNKNOWN_KEY = "unknown_key"
    NOT_REPAIRED = "not_repaired"


REPAIRS = {
    Kind.STAGED_WITHOUT_RECORD: "message sent again",
    Kind.STAGED_OF_SETTLED: "bytes removed",
    Kind.STAGED_UNREADABLE: "nobody can say what it is; the lifecycle rule removes it",
    Kind.DIRECT_WITHOUT_RECORD: "message sent again",
    Kind.DIRECT_OF_SETTLED: "bytes removed",
    Kind.NEVER_PROCESSED: "record says failed; delete or redrive it",
    Kind.STORED_WITHOUT_RECORD: "bytes removed",
    Kind.STORED_OF_GONE: "bytes removed",
    Kind.RECORD_WITHOUT_ORIGINAL: "message sent again, or record says failed",
    Kind.RECORD_WITHOUT_VARIANTS: "original staged once more",
    Kind.ORIGINAL_IS_BACK: "original staged once more",
    Kind.RESERVED_FOR_NOTHING: "counted no more",
    Kind.NEVER_TOLD: "the topic is told",
    Kind.UNKNOWN_KEY: "not ours to remove",
    Kind.NOT_REPAIRED: "see the log",
}
"""What becomes of each."""


@dataclass
class Report:
    """Counts by kind, and of what is left some examples with the reason."""

    looked_at: Counter[str] = field(default_factory=Counter)
    found: Counter[Kind] = field(default_factory=Counter)
    repaired: Counter[Kind] = field(default_factory=Counter)
    waiting: int = 0
    """Uploads whose message a sweep has sent again already, not long ago."""
    left: list[str] = field(default_factory=list)
    broken_off: str | None = None
    """Why the sweep did not come to its end."""

    def leave(self, kind: Kind, what: str) -> None:
        """Count something that is not repaired."""
        self.found[kind] += 1
        if len(self.left) < MOST_EXAMPLES:
            self.left.append(f"{kind}: {what}")

    @property
    def left_over(self) -> int:
        """How much of what was found is not repaired."""
        return self.found.total() - self.repaired.total()

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "looked_at": dict(self.looked_at),
            "found": dict(self.found),
            "repaired": dict(self.repaired),
            "waiting": self.waiting,
            "left_over": self.left_over,
            "left": self.left,
            "broken_off": self.broken_off,
        }

    def as_text(self) -> str:
        """For people, one line a kind."""
        counts = ", ".join(f"{count} {what}" for what, count in self.looked_at.items()) or "nothing"
        lines = [f"Looked at {counts}."]
        if self.waiting:
            lines.append(f"{self.waiting} uploads wait: their message was sent again not long ago.")
        for kind, count in sorted(self.found.items()):
            lines.append(f"{kind}: {count} found, {self.repaired[kind]} repaired ({REPAIRS[kind]})")
        lines += [f"left: {what}" for what in self.left]
        if self.broken_off:
            lines.append(f"Broken off: {self.broken_off}")
        elif not self.found:
            lines.append("All is right.")
        return "\n".join(lines)
