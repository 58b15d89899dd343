"""The judge can condemn: each way to break a promise is a fault of its kind."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from service.storage.objects import VARIANTS
from tests.chaos.found import Found
from tests.chaos.judge import judge, judge_before_sweep
from tests.chaos.ledger import Ledger, Upload
from tests.chaos.specimens import Specimen

READY, DELETED, REJECTED, OTHER = (f"01a20710-acc6-7dcb-a461-00000000000{n}" for n in range(4))
PLACE = f"images/alice/{READY}/"
SPECIMEN = Specimen(b"bytes", "image/png", "ready")
BROKEN = Specimen(b"broken", "image/jpeg", "rejected")


def told() -> Ledger:
    """Three uploads, of which one was deleted since, and one tried twice under a key."""
    ledger = Ledger()
    for image_id, specimen, key in ((READY, SPECIMEN, "key"), (DELETED, SPECIMEN, None), (REJECTED, BROKEN, None)):
        upload = Upload("alice", specimen, "title", key)
        ledger.uploads.add(upload)
        ledger.tried(upload)
        ledger.acknowledge(upload, image_id)
        if key:
            ledger.tried(upload)
    ledger.images[DELETED].deleted = True
    return ledger


def record(image_id: str, status: str, **more: Any) -> dict[str, Any]:
    """An item of alice's."""
    return {"user_id": "alice", "image_id": image_id, "status": status, **more}


def total(images: int, size: int) -> dict[str, Any]:
    """What is counted for alice."""
    return {"user_id": "usage#alice", "image_id": "total", "images": images, "bytes": size, "changes": 9}


def reserved(found: Found) -> Found:
    """The same, with a place for an upload that never came, which counts."""
    items = [item for item in found.items if item["image_id"] != "total"]
    place = {"user_id": "usage#alice", "image_id": OTHER, "size": 7, "reserved_at": 1}
    return replace(found, items=[*items, total(2, 12), place])


def kept() -> Found:
    """What should be there then."""
    described = {"sha256": SPECIMEN.sha256, "size": 5, "title": "title"}
    variants = {name: {"size": size} for size, name in enumerate(VARIANTS, 3)}
    return Found(
        sizes={PLACE + "original": 5, **{PLACE + name: one["size"] for name, one in variants.items()}},
        hashes={PLACE + "original": SPECIMEN.sha256},
        items=[
            record(READY, "ready", variants=variants, **described),
            record(DELETED, "deleted"),
            record(REJECTED, "rejected", sha256=BROKEN.sha256, size=6, title="title"),
            {"user_id": "idempotency#alice", "image_id": "a hash", "target": READY},
            total(1, 5),
        ],
        messages=0,
        dead_letters=[f"of {READY}, whose worker died again and again"],
        heard=frozenset({(OTHER, "ready"), (REJECTED, "rejected")}),
    )


def test_what_is_as_it_was_told_is_no_fault() -> None:
    """Also an upload that was never answered, and has become an image all the same."""
    assert judge(told(), kept()) == []
    ledger = told()
    unanswered = Upload("alice", SPECIMEN, "title")
    ledger.uploads.add(unanswered)
    ledger.tried(unanswered)
    assert judge(ledger, kept()) == []
    assert judge(ledger, with_one_more(kept())) == []


def changed(found: Found, image_id: str, **more: Any) -> Found:
    """The same, with other values in a record."""
    return replace(found, items=[item | more if item["image_id"] == image_id else item for item in found.items])


def without(found: Found, image_id: str) -> Found:
    """The same without a record."""
    return replace(found, items=[item for item in found.items if item["image_id"] != image_id])


def with_object(found: Found, key: str) -> Found:
    """The same and one more object."""
    return replace(found, sizes={**found.sizes, key: 1})


def with_one_more(found: Found) -> Found:
    """The same and another whole image of the same bytes."""
    (first, *_) = found.items
    place = PLACE.replace(READY, OTHER)
    return replace(
        found,
        sizes={**found.sizes, **{key.replace(PLACE, place): size for key, size in found.sizes.items()}},
        hashes={**found.hashes, place + "original": SPECIMEN.sha256},
        items=[*changed(found, "total", images=2, bytes=10).items, first | {"image_id": OTHER}],
    )


FAULTS: dict[str, tuple[str, Callable[[Found], Found]]] = {
    "no record": ("lost", lambda found: without(found, READY)),
    "of another user": ("lost", lambda found: changed(found, READY, user_id="bob")),
    "other bytes in the record": ("lost", lambda found: changed(found, READY, sha256="0")),
    "an edit is gone": ("lost", lambda found: changed(found, READY, title="before")),
    "rejected without reason": ("lost", lambda found: changed(found, READY, status="rejected")),
    "back after deletion": ("lost", lambda found: changed(found, DELETED, status="ready")),
    "twice": ("twice", with_one_more),
    "nobody wanted it": ("twice", lambda found: replace(found, items=[*found.items, record(OTHER, "rejected")])),
    "staged": ("orphan", lambda found: with_object(found, f"incoming/alice/{READY}")),
    "direct": ("orphan", lambda found: with_object(found, f"direct/alice/{READY}")),
    "stored without record": ("orphan", lambda found: with_object(found, f"images/alice/{OTHER}/thumb")),
    "stored and deleted": ("orphan", lambda found: with_object(found, f"images/alice/{DELETED}/thumb")),
    "a variant is missing": (
        "orphan",
        lambda found: replace(found, sizes={key: size for key, size in found.sizes.items() if "thumb" not in key}),
    ),
    "a variant of another size": ("orphan", lambda found: with_object(found, PLACE + "thumb")),
    "other bytes": ("orphan", lambda found: replace(found, hashes={PLACE + "original": "0"})),
    "a place is reserved": ("miscounted", reserved),
    "an image too many is counted": ("miscounted", lambda found: changed(found, "total", images=2)),
    "bytes too few are counted": ("miscounted", lambda found: changed(found, "total", bytes=4)),
    "nothing is counted": ("miscounted", lambda found: without(found, "total")),
    "failed": ("unfinished", lambda found: changed(found, READY, status="failed")),
    "in the queue": ("unfinished", lambda found: replace(found, messages=1)),
    "a dead letter": ("unfinished", lambda found: replace(found, dead_letters=[f"of {OTHER}"])),
    "nobody was told": ("untold", lambda found: replace(found, heard=frozenset())),
    "another status was told": ("untold", lambda found: replace(found, heard=frozenset({(REJECTED, "failed")}))),
    "a dead letter that nobody can read": ("unfinished", lambda found: replace(found, dead_letters=["?"])),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault(name: str) -> None:
    kind, spoil = FAULTS[name]
    assert kind in {fault.kind for fault in judge(told(), spoil(kept()))}


def test_who_has_neither_record_nor_message_is_forgotten() -> None:
    """A dead letter is a message; what was deleted needs none."""
    assert judge_before_sweep(told(), kept()) == []
    assert judge_before_sweep(told(), without(without(kept(), READY), DELETED)) == []
    (fault,) = judge_before_sweep(told(), without(kept(), REJECTED))
    assert (fault.kind, fault.about) == ("forgotten", (REJECTED,))


def test_a_wrong_answer_is_a_fault() -> None:
    """And its story is told."""
    ledger = told()
    ledger.acknowledge(ledger.images[READY].upload, OTHER)
    (fault, *_) = judge(ledger, kept())
    assert fault.kind == "wrong answer"
    assert "acknowledged to alice" in ledger.story(*fault.about)
