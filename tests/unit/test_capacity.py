"""The arithmetic of docs/capacity.md, and that the document shows what it gives."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.images import Receipt, Record, Status, Variant, new_image_id
from service.storage.items import Item, to_item
from tests.load.capacity import NOW, TABLES, kept, monthly, stepped, vcpus

DOCUMENT = Path(__file__).parents[2] / "docs/capacity.md"


def test_a_line_as_by_hand() -> None:
    # 1,000 × 3,600 × 730 = 2,628 million uploads, 4 PUTs each at 5 dollars a million.
    assert monthly(1_000)["S3: PUT"] == pytest.approx(2_628 * 4 * 5)
    # 1,000 × 0.35 s of CPU are 350 vCPUs that work all the time, so 583.3 that work 60 % of it.
    assert vcpus(1_000)[1] == pytest.approx(583.3, abs=0.1)
    # 2,628 million × 570,392 bytes are 1,498,990 GB: 50,000 at 0.023, 450,000 at 0.022, the rest at 0.021.
    assert kept(1_000)[0] == pytest.approx(1_150 + 9_900 + 20_978.8, rel=1e-4)


@pytest.mark.parametrize(("amount", "price"), [(0, 0), (5, 10), (10, 20), (12, 22), (1000, 1010)])
def test_each_part_is_at_its_step(amount: float, price: float) -> None:
    assert stepped(amount, ((10, 2.0), (float("inf"), 1.0))) == price


@pytest.mark.parametrize("make", TABLES, ids=lambda make: make.__name__)
def test_the_document_shows_it(make: object) -> None:
    assert callable(make)
    assert make() in DOCUMENT.read_text(), "python -m tests.load.capacity prints the tables to paste"


def test_a_record_is_one_kilobyte_at_most() -> None:
    receipt = Receipt(
        user_id="3f2b8c1e-9d4a-4f6b-8e7c-1a2b3c4d5e6f",
        image_id=new_image_id(),
        content_type="image/jpeg",
        size=500_000,
        sha256="0" * 64,
        width=4000,
        height=3000,
        frames=1,
        filename="IMG_20260131_120000.jpg",
        title="A day at the sea",
        tags=("sea", "summer"),
    )
    variants = {name: Variant(width=1024, height=768, size=62_640) for name in ("thumb", "preview")}
    placeholder = "3OcRJYB4d3h/iIeHeEh3eIhw+j2w"
    record = Record(
        receipt=receipt, status=Status.READY, updated_at=datetime.now(UTC), placeholder=placeholder, variants=variants
    )
    size = sum(len(name) + _size(value) for name, value in to_item(record).items())
    assert size + 100 == pytest.approx(NOW.item_bytes, abs=30)
    assert size < 1024


def _size(value: Item) -> int:
    """Bytes of an attribute, as AWS's page on item sizes has it."""
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return (len(content.lstrip("-0").replace(".", "")) + 1) // 2 + 1
        case "L":
            return 3 + sum(1 + _size(one) for one in content)
        case "M":
            return 3 + sum(len(name) + 1 + _size(one) for name, one in content.items())
    raise AssertionError(kind)
