"""What a sweep finds and repairs, kind by kind: all that crashes can leave behind."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from service.images import Receipt, Record, Status, first_id_at
from service.storage.aws import clients
from service.storage.objects import ORIGINAL, VARIANTS
from tests.backstage import until
from tests.sweeping import DATA, LONG, Yard, found, key_of, only, receipt_of, yard_at
from worker.decoder import Decoders
from worker.sweep.report import Kind
from worker.sweep.waiting import MOST_RESENDS

GRACE = 4
"""Seconds; so short that a test can wait for it, and longer than a sweep takes."""
NAMES = (ORIGINAL, *VARIANTS)


@pytest.fixture
async def yard(endpoint: str, decoders: Decoders) -> AsyncIterator[Yard]:
    """Swept and empty."""
    async with yard_at(endpoint, decoders) as made:
        yield made


@pytest.fixture(scope="module")
async def tidy(endpoint: str, decoders: Decoders) -> AsyncIterator[Yard]:
    """For tests that leave all right behind them."""
    async with yard_at(endpoint, decoders) as made:
        yield made


async def staged(yard: Yard) -> Receipt:
    return await yard.staged()


async def direct(yard: Yard) -> Receipt:
    return await yard.direct()


def staged_and(status: Status) -> Callable[[Yard], Awaitable[Receipt]]:
    async def make(yard: Yard) -> Receipt:
        receipt = await (yard.ready() if status is Status.READY else yard.staged())
        await yard.storage.objects.put_staged(receipt, [DATA])
        await yard.settled(receipt, status)
        return receipt

    return make


def direct_and(status: Status) -> Callable[[Yard], Awaitable[Receipt]]:
    async def make(yard: Yard) -> Receipt:
        receipt = await (yard.ready() if status is Status.READY else yard.direct())
        await yard.put(key_of(receipt, "direct"))
        await yard.settled(receipt, status)
        await yard.purge()
        return receipt

    return make


def stored_and(status: Status | None) -> Callable[[Yard], Awaitable[Receipt]]:
    async def make(yard: Yard) -> Receipt:
        await yard.ready()  # else the table could be a lost one
        receipt = await yard.stored()
        if status:
            await yard.settled(receipt, status)
        return receipt

    return make


def ready_without(*names: str) -> Callable[[Yard], Awaitable[Receipt]]:
    async def make(yard: Yard) -> Receipt:
        await yard.ready()  # else the bucket could be a lost one
        receipt = await yard.ready()
        await yard.remove(*(key_of(receipt, "images", name) for name in names))
        return receipt

    return make


async def ready_without_original_but_staged(yard: Yard) -> Receipt:
    receipt = await ready_without("original")(yard)
    await yard.storage.objects.put_staged(receipt, [DATA])
    return receipt


async def original_is_back(yard: Yard) -> Receipt:
    receipt = await ready_without(*NAMES)(yard)
    assert found(await yard.sweep()) == only(Kind.RECORD_WITHOUT_ORIGINAL)
    await yard.put(key_of(receipt, "images", "original"))
    return receipt


# What is there; what it is found as; and what the status is once a worker has done what it was told.
MESSES: dict[str, tuple[Callable[[Yard], Awaitable[Receipt]], Kind, str | None]] = {
    "staged": (staged, Kind.STAGED_WITHOUT_RECORD, "ready"),
    "staged, ready": (staged_and(Status.READY), Kind.STAGED_OF_SETTLED, "ready"),
    "staged, rejected": (staged_and(Status.REJECTED), Kind.STAGED_OF_SETTLED, "rejected"),
    "staged, deleted": (staged_and(Status.DELETED), Kind.STAGED_OF_SETTLED, "deleted"),
    "direct": (direct, Kind.DIRECT_WITHOUT_RECORD, "ready"),
    "direct, ready": (direct_and(Status.READY), Kind.DIRECT_OF_SETTLED, "ready"),
    "direct, rejected": (direct_and(Status.REJECTED), Kind.DIRECT_OF_SETTLED, "rejected"),
    "direct, deleted": (direct_and(Status.DELETED), Kind.DIRECT_OF_SETTLED, "deleted"),
    "stored": (stored_and(None), Kind.STORED_WITHOUT_RECORD, None),
    "stored, rejected": (stored_and(Status.REJECTED), Kind.STORED_OF_GONE, "rejected"),
    "stored, deleted": (stored_and(Status.DELETED), Kind.STORED_OF_GONE, "deleted"),
    "no original": (ready_without("original"), Kind.RECORD_WITHOUT_ORIGINAL, "failed"),
    "no bytes": (ready_without(*NAMES), Kind.RECORD_WITHOUT_ORIGINAL, "failed"),
    "no original but staged": (ready_without_original_but_staged, Kind.RECORD_WITHOUT_ORIGINAL, "ready"),
    "no thumb": (ready_without("thumb"), Kind.RECORD_WITHOUT_VARIANTS, "ready"),
    "no variants": (ready_without("thumb", "preview"), Kind.RECORD_WITHOUT_VARIANTS, "ready"),
    "original is back": (original_is_back, Kind.ORIGINAL_IS_BACK, "ready"),
}


@pytest.mark.parametrize("mess", MESSES)
async def test_one_sweep_makes_it_right(tidy: Yard, mess: str) -> None:
    """Nothing that is younger than the grace is touched, and nothing at all by a dry run; then all is right."""
    yard = tidy
    make, kind, status = MESSES[mess]
    receipt = await make(yard)
    before = await yard.keys(), await yard.record(receipt), await yard.backstage.messages()

    assert found(await yard.sweep(LONG)) == {}
    assert found(await yard.sweep(dry_run=True)) == only(kind, repaired=0)
    assert (await yard.keys(), await yard.record(receipt), await yard.backstage.messages()) == before

    report = await yard.sweep()
    assert (found(report), report.left_over) == (only(kind), 0)
    await yard.drain()
    assert await yard.status(receipt) == status
    if status == "ready":
        assert {key_of(receipt, "images", name) for name in NAMES} <= await yard.keys()
    elif status != "failed":
        assert not [key for key in await yard.keys() if receipt.image_id in key]
    await yard.is_right()


@pytest.mark.parametrize("folder", ["incoming", "direct"])
async def test_failed_bytes_stay_for_redrive(yard: Yard, folder: str) -> None:
    """Whatever the age."""
    receipt = await (yard.staged() if folder == "incoming" else yard.direct())
    await yard.settled(receipt, Status.FAILED)
    assert found(await yard.sweep()) == {}
    assert key_of(receipt, folder) in await yard.keys()


async def test_objects_that_are_being_stored_stay(yard: Yard) -> None:
    """Staged bytes and stored ones, no record: a worker died, or is at work; the message makes it whole."""
    await yard.ready()
    receipt = await yard.staged()
    await yard.stored(receipt)
    assert found(await yard.sweep()) == only(Kind.STAGED_WITHOUT_RECORD)
    assert key_of(receipt, "images", "original") in await yard.keys()
    await yard.drain()
    await yard.is_right()


async def test_bytes_missing_is_said_to_the_owner(yard: Yard) -> None:
    """With a reason."""
    receipt = await ready_without("original")(yard)
    await yard.sweep()
    record = await yard.record(receipt)
    assert isinstance(record, Record)
    assert record.reason
    assert (record.status, record.reason.code, record.version) == ("failed", "bytes_missing", 2)


async def test_what_is_made_again_is_a_later_version(yard: Yard) -> None:
    """Else an `If-Match` with the tag of what it was before an edit would undo that edit."""
    await yard.ready()  # else the bucket could be a lost one
    receipt = await yard.ready()
    record = await yard.record(receipt)
    edited = record.edited("A title", ("a", "b"))
    assert await yard.storage.catalog.replace(edited, record.version)
    await yard.remove(*(key_of(receipt, "images", name) for name in NAMES))
    await yard.sweep()
    lost = await yard.record(receipt)
    await yard.put(key_of(receipt, "images", "original"))
    await yard.sweep()
    await yard.drain()
    again = await yard.record(receipt)
    assert (lost.status, again.status) == ("failed", "ready")
    assert record.version < edited.version < lost.version < again.version
    assert again.receipt == edited.receipt
    await yard.is_right()


async def test_what_is_deleted_stays_so_for_longer_than_its_bytes(yard: Yard) -> None:
    """A sweep may come as late as the lifecycle rule lets it: a tombstone that ends before is no bar to it."""
    receipt = await yard.staged()
    await yard.settled(receipt, Status.DELETED)
    async with clients(yard.settings, "dynamodb") as (dynamodb,):
        key = {"user_id": {"S": receipt.user_id}, "image_id": {"S": receipt.image_id}}
        item = (await dynamodb.get_item(TableName=yard.settings.table, Key=key))["Item"]
    rules = (await yard.backstage.s3.get_bucket_lifecycle_configuration(Bucket=yard.settings.bucket))["Rules"]
    days = max(rule["Expiration"]["Days"] for rule in rules if "Expiration" in rule)
    assert int(item["expires_at"]["N"]) > time.time() + 1.5 * days * 86_400
    await yard.sweep()
    assert await yard.keys() == set()


async def test_messages_do_not_multiply(yard: Yard) -> None:
    """However often one sweeps: a message that was sent a moment ago may still be in the queue."""
    receipt = await yard.staged()

    async def is_old() -> bool:
        return found(await yard.sweep(GRACE, dry_run=True)) == only(Kind.STAGED_WITHOUT_RECORD, repaired=0)

    await until(is_old, 0.2)
    await yard.storage.resends.note(receipt.user_id, key_of(receipt, "incoming"), 1)
    report = await yard.sweep(GRACE)
    assert (found(report), report.waiting, await yard.backstage.messages()) == ({}, 1, 0)
    assert "1 uploads wait" in report.as_text()

    async def is_old_again() -> bool:
        return (await yard.sweep(GRACE)).repaired.total() == 1

    await until(is_old_again, 0.2)
    assert await yard.backstage.messages() == 1


async def test_an_upload_that_kills_its_workers_is_given_up(yard: Yard) -> None:
    """After some vain messages it has a record that says so; its bytes stay, so that a redrive can save it."""
    receipt = await yard.staged()
    for _ in range(MOST_RESENDS):
        assert found(await yard.sweep()) == only(Kind.STAGED_WITHOUT_RECORD)
        await yard.purge()  # its workers die of it
    assert found(await yard.sweep()) == only(Kind.NEVER_PROCESSED)
    record = await yard.record(receipt)
    assert isinstance(record, Record)
    assert record.reason
    assert (record.status, record.reason.code) == ("failed", "never_processed")
    assert found(await yard.sweep()) == {}
    await yard.storage.queue.send(receipt.message)
    await yard.drain()
    assert await yard.status(receipt) == "ready"
    await yard.is_right()


async def test_an_upload_whose_messages_nobody_has_taken_yet_is_not_given_up(yard: Yard) -> None:
    """However often a sweep that waits for nothing comes by while no worker runs."""
    receipt = await yard.staged()
    for _ in range(MOST_RESENDS):
        assert found(await yard.sweep()) == only(Kind.STAGED_WITHOUT_RECORD)
    report = await yard.sweep()
    assert (found(report), report.waiting, await yard.backstage.messages()) == ({}, 1, MOST_RESENDS)
    assert await yard.record(receipt) is None
    await yard.drain()
    assert await yard.status(receipt) == "ready"
    await yard.is_right()


STRANGE = [
    *("images/notes.txt", "images/alice/notes", "images/alice/x/original", "incoming/alice", "direct/alice/x"),
    *("incoming/alice/not-an-id", "incoming//double", "images/.hidden/0/original", "images/é/ü/original"),
    *("images/alice/0197a0a0-0000-7000-8000-000000000000/poster", "incoming/a/0197a0a0-0000-7000-8000-000000000000/x"),
]


async def test_what_is_not_ours_stays(yard: Yard) -> None:
    """Objects of other names are told of and left; the folders that S3's console makes are nothing."""
    await yard.ready()
    for key in [*STRANGE, "images/", "incoming/", "elsewhere/file"]:
        await yard.put(key)
    await yard.purge()
    before = await yard.keys()
    report = await yard.sweep()
    assert found(report) == only(Kind.UNKNOWN_KEY, len(STRANGE), 0)
    assert report.left_over == len(STRANGE)
    assert all(any(key in line for line in report.left) for key in STRANGE)
    assert await yard.keys() == before


async def test_metadata_that_cannot_be_read(yard: Yard) -> None:
    """Bytes that came with no receipt, or with that of another image, are left to the lifecycle rule."""
    key = key_of(await yard.staged(), "incoming")
    await yard.put(key)
    report = await yard.sweep()
    assert (found(report), report.left) == (
        only(Kind.STAGED_UNREADABLE, repaired=0),
        [f"staged_unreadable: {key}"],
    )
    assert await yard.backstage.messages() == 0


@pytest.mark.parametrize("what", ["table", "bucket"])
async def test_a_lost_table_or_bucket_is_not_made_worse(yard: Yard, what: str) -> None:
    """An empty table is no reason to remove all images, an empty bucket none to fail all records; unless forced."""
    receipts = [await yard.ready() for _ in range(3)]
    before = await yard.keys()
    if what == "table":
        for receipt in receipts:
            await yard.forget(receipt)
        kind = Kind.STORED_WITHOUT_RECORD
    else:
        await yard.remove(*before)
        kind = Kind.RECORD_WITHOUT_ORIGINAL
    report = await yard.sweep()
    assert (found(report), report.left_over) == (only(kind, 3, 0), 3)
    assert all(what in line and "--force" in line for line in report.left)
    if what == "table":
        assert await yard.keys() == before
    else:
        assert {await yard.status(receipt) for receipt in receipts} == {"ready"}
    assert found(await yard.sweep(force=True)) == only(kind, 3)
    await yard.is_right()


async def test_images_from_before_the_table_stay(yard: Yard) -> None:
    """However many there are since: a table that was lost and made anew takes none of what it knows nothing of."""
    for _ in range(3):
        await yard.ready()
    before = first_id_at(datetime.now(UTC) - timedelta(days=1))
    old = await yard.stored(replace(receipt_of("user-of-old"), image_id=before))
    young = await yard.stored()
    report = await yard.sweep()
    assert found(report) == only(Kind.STORED_WITHOUT_RECORD, 2, 1)
    assert [old.image_id in line and "--force" in line for line in report.left] == [True]
    keys = await yard.keys()
    assert {key_of(old, "images", name) for name in NAMES} <= keys
    assert not [key for key in keys if young.image_id in key]
    assert found(await yard.sweep(force=True)) == only(Kind.STORED_WITHOUT_RECORD)
    await yard.is_right()


async def test_the_report(yard: Yard) -> None:
    """It reads as text and as JSON."""
    await yard.ready()
    await yard.staged()
    await yard.put("images/notes.txt")
    report = await yard.sweep(dry_run=True)
    assert json.loads(json.dumps(report.as_json())) == {
        "looked_at": {"staged": 1, "direct": 0, "images": 1, "records": 1, "reservations": 0},
        "found": {"staged_without_record": 1, "unknown_key": 1},
        "repaired": {},
        "waiting": 0,
        "left_over": 2,
        "left": ["unknown_key: images/notes.txt"],
        "broken_off": None,
    }
    assert report.as_text().splitlines() == [
        "Looked at 1 staged, 0 direct, 1 images, 1 records, 0 reservations.",
        "staged_without_record: 1 found, 0 repaired (message sent again)",
        "unknown_key: 1 found, 0 repaired (not ours to remove)",
        "left: unknown_key: images/notes.txt",
    ]
