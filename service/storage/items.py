"""Records as DynamoDB items and back. Every attribute has the name that the API gives it."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from service.images import Reason, Receipt, Record, Status, Variant, created_at, rfc3339

Item = dict[str, Any]

_serializer = TypeSerializer()


def to_item(record: Record) -> Item:
    """The item of a record; what is None or empty is left out."""
    receipt = record.receipt
    values = asdict(receipt) | {
        "tags": list(receipt.tags),
        "status": str(record.status),
        "created_at": rfc3339(created_at(receipt.image_id)),
        "updated_at": rfc3339(record.updated_at),
        "version": record.version,
        "placeholder": record.placeholder,
        "variants": {name: asdict(variant) for name, variant in record.variants.items()},
        "reason": asdict(record.reason) if record.reason else None,
    }
    return serialize({name: value for name, value in values.items() if value not in (None, [], {})})


def from_item(item: Item) -> Record:
    """The record of an item, also one that has attributes this version does not know."""
    # By the known names: boto3's reader, which makes every number a Decimal first, takes three times as long.
    return Record(
        receipt=Receipt(
            user_id=item["user_id"]["S"],
            image_id=item["image_id"]["S"],
            content_type=item["content_type"]["S"],
            sha256=item["sha256"]["S"],
            filename=_text(item, "filename"),
            title=_text(item, "title"),
            tags=tuple(tag["S"] for tag in item["tags"]["L"]) if "tags" in item else (),
            **{name: _number(item, name) for name in ("size", "width", "height", "frames")},
        ),
        status=Status(item["status"]["S"]),
        updated_at=datetime.fromisoformat(item["updated_at"]["S"]),
        version=_number(item, "version"),
        placeholder=_text(item, "placeholder"),
        variants={
            name: Variant(**{side: _number(variant["M"], side) for side in ("width", "height", "size")})
            for name, variant in (item["variants"]["M"].items() if "variants" in item else ())
        },
        reason=Reason(**{name: text["S"] for name, text in item["reason"]["M"].items()}) if "reason" in item else None,
    )


def _text(item: Item, name: str) -> str | None:
    text: str | None = item[name]["S"] if name in item else None
    return text


def _number(item: Item, name: str) -> int:
    return int(item[name]["N"])


def serialize(values: dict[str, Any]) -> Item:
    """Python values in DynamoDB's notation."""
    return {name: _serializer.serialize(value) for name, value in values.items()}
