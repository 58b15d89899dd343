"""Records as DynamoDB items and back. Every attribute has the name that the API gives it."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from service.images import Reason, Receipt, Record, Status, Variant, created_at, rfc3339

Item = dict[str, Any]

_serializer, _deserializer = TypeSerializer(), TypeDeserializer()


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
    values = deserialize(item)
    reason, variants = values.get("reason"), values.get("variants", {})
    return Record(
        receipt=Receipt(
            user_id=values["user_id"],
            image_id=values["image_id"],
            content_type=values["content_type"],
            sha256=values["sha256"],
            filename=values.get("filename"),
            title=values.get("title"),
            tags=tuple(values.get("tags", ())),
            **{name: int(values[name]) for name in ("size", "width", "height", "frames")},
        ),
        status=Status(values["status"]),
        updated_at=datetime.fromisoformat(values["updated_at"]),
        version=int(values["version"]),
        placeholder=values.get("placeholder"),
        variants={
            name: Variant(**{side: int(variant[side]) for side in ("width", "height", "size")})
            for name, variant in variants.items()
        },
        reason=Reason(**reason) if reason else None,
    )


def serialize(values: dict[str, Any]) -> Item:
    """Python values in DynamoDB's notation."""
    return {name: _serializer.serialize(value) for name, value in values.items()}


def deserialize(item: Item) -> dict[str, Any]:
    """DynamoDB's notation as Python values; numbers are Decimal."""
    return {name: _deserializer.deserialize(value) for name, value in item.items()}
