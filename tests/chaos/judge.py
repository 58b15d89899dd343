"""Compares what clients were told with what is there: nothing lost, nothing twice, nothing left behind."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from service.storage.objects import ORIGINAL, VARIANTS
from tests.chaos.found import Found, Item
from tests.chaos.ledger import Acknowledged, Ledger
from tests.chaos.seams import IMAGE_ID

NAMES = {ORIGINAL, *VARIANTS}
FINAL = {"ready", "rejected", "deleted"}
COUNTED = {"ready", "failed"}


@dataclass(frozen=True)
class Fault:
    """Something that must not be: of which kind, what it is, and the images and hashes whose story may tell why."""

    kind: str
    text: str
    about: tuple[str, ...] = ()


def judge(ledger: Ledger, found: Found) -> list[Fault]:
    """All faults; none when every promise was kept."""
    of_answers = [*_answers(ledger), *_lost(ledger, found), *_twice(ledger, found)]
    return [*of_answers, *_orphans(found), *_miscounted(found), *_unfinished(found), *_untold(found)]


def judge_before_sweep(ledger: Ledger, found: Found) -> list[Fault]:
    """What a sweep would repair and must not have to, once the queue is empty: acknowledged uploads without a message.

    Only those whose workers died again and again wait for it, as dead letters.
    """
    dead = {image_id for letter in found.dead_letters for image_id in IMAGE_ID.findall(letter)}
    return [
        Fault("forgotten", f"{image.image_id} has neither a record nor a message", (image.image_id,))
        for image in ledger.images.values()
        if not image.deleted and image.image_id not in found.records and image.image_id not in dead
    ]


def _answers(ledger: Ledger) -> Iterator[Fault]:
    for text in ledger.wrong:
        yield Fault("wrong answer", text, tuple(IMAGE_ID.findall(text)))


def _lost(ledger: Ledger, found: Found) -> Iterator[Fault]:
    """Every acknowledged upload, edit and deletion has its effect."""
    records = found.records
    for image in ledger.images.values():
        about = (image.image_id, image.upload.specimen.sha256)
        record = records.get(image.image_id)
        if record is None or record["user_id"] != image.upload.user:
            yield Fault("lost", f"{image.image_id} of {image.upload.user} has no record", about)
        elif (status := _due(image)) != record["status"]:
            said = f"{image.image_id} should be {status} and is {record['status']}: {record.get('reason')}"
            yield Fault("lost", said, about)
        elif status != "deleted":
            specimen = image.upload.specimen
            wanted = {"sha256": specimen.sha256, "size": len(specimen.data), "title": image.title}
            other = {name: record.get(name) for name, value in wanted.items() if record.get(name) != value}
            if other:
                yield Fault("lost", f"{image.image_id} should have {wanted} and has {other}", about)


def _due(image: Acknowledged) -> str:
    return "deleted" if image.deleted else image.upload.specimen.verdict


def _twice(ledger: Ledger, found: Found) -> Iterator[Fault]:
    """Nothing is there more often than it was wanted, and nothing that nobody wanted."""
    unknown: Counter[tuple[str, str]] = Counter()
    for upload in ledger.uploads:
        unknown[upload.user, upload.specimen.sha256] += upload.unknown
    extra: dict[tuple[str, str], list[str]] = defaultdict(list)
    for image_id, record in found.records.items():
        if image_id not in ledger.images:
            extra[record["user_id"], record.get("sha256", "")].append(image_id)
    for whose, ids in extra.items():
        if len(ids) > unknown[whose]:
            text = f"{len(ids)} images of {whose} beside those acknowledged; {unknown[whose]} can be: {ids}"
            yield Fault("twice", text, (*ids, whose[1]))
    users = Counter(item["image_id"] for item in found.items if "#" not in item["user_id"])
    for image_id in (one for one, count in users.items() if count > 1):
        yield Fault("twice", f"{image_id} belongs to several users", (image_id,))


def _orphans(found: Found) -> Iterator[Fault]:
    """What is ready is whole, and the bucket has nothing else."""
    records = found.records
    for key in found.sizes:
        folder, user, image_id, *_ = [*key.split("/"), "", "", ""]
        record = records.get(image_id)
        if folder != "images":
            yield Fault("orphan", f"{key} is left", (image_id,))
        elif record is None or record["user_id"] != user or record["status"] != "ready":
            yield Fault("orphan", f"{key}: its record is {record and record['status']}", (image_id,))
    for image_id, record in records.items():
        if record["status"] == "ready":
            for text in _gaps(image_id, record, found):
                yield Fault("orphan", text, (image_id, record.get("sha256", "")))


def _gaps(image_id: str, record: Item, found: Found) -> Iterator[str]:
    place = f"images/{record['user_id']}/{image_id}/"
    names = {key.removeprefix(place) for key in found.sizes if key.startswith(place)}
    if names != NAMES:
        yield f"{image_id} is ready and has only {sorted(names)}"
    elif found.hashes[place + "original"] != record.get("sha256"):
        yield f"{image_id} has an original of other bytes"
    else:
        for name, variant in record.get("variants", {}).items():
            if variant["size"] != found.sizes[place + name]:
                yield f"{image_id} has another {name} than its record says"


def _miscounted(found: Found) -> Iterator[Fault]:
    """Each user's usage is the sum of what is kept for him, and nothing is reserved when nothing is on its way."""
    sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for record in found.records.values():
        if record["status"] in COUNTED:
            sums[record["user_id"]].update(images=1, bytes=int(record.get("size", 0)))
    for item in found.items:
        kind, _, user = item["user_id"].partition("#")
        if kind == "usage" and item["image_id"] == "total":
            sums[user].update(images=-int(item["images"]), bytes=-int(item["bytes"]))
        elif kind == "usage":
            yield Fault("miscounted", f"{item['size']} bytes of {user} are reserved", (item["image_id"],))
    for user, difference in sums.items():
        if any(difference.values()):
            yield Fault("miscounted", f"the usage of {user} is off by {dict(difference)}")


def _untold(found: Found) -> Iterator[Fault]:
    """Others have heard of each status, but for messages that were delivered to workers that all died."""
    dead = {image_id for letter in found.dead_letters for image_id in IMAGE_ID.findall(letter)}
    for image_id, record in found.records.items():
        status = str(record["status"])
        if status in FINAL - {"deleted"} and image_id not in dead and (image_id, status) not in found.heard:
            yield Fault("untold", f"{image_id} is {status}, and nobody was told", (image_id,))


def _unfinished(found: Found) -> Iterator[Fault]:
    """All is settled, and nothing waits."""
    records = found.records
    for image_id, record in records.items():
        if record["status"] not in FINAL:
            yield Fault("unfinished", f"{image_id} is {record['status']}: {record.get('reason')}", (image_id,))
    if found.messages:
        yield Fault("unfinished", f"{found.messages} messages are in the queue")
    for letter in found.dead_letters:
        # One that was delivered to workers that all died says nothing when its image is settled all the same.
        ids = IMAGE_ID.findall(letter)
        if not ids or any(one not in records for one in ids):
            yield Fault("unfinished", f"a dead letter: {letter[:300]}", tuple(ids))
