"""The table and what may be done in it, tried in a partition of its own, which is removed again."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from service.findings import Examination, State, Trouble, warn, wrong
from service.settings import Settings
from service.storage.aws import AWAY
from service.storage.checkup.hints import PROVISION, explained, explaining
from service.storage.checkup.identity import NAME as CREDENTIALS
from service.storage.checkup.reach import CLOCK_NAME as CLOCK
from service.storage.checkup.reach import reach_of
from service.storage.items import serialize
from service.storage.provision import KEYS
from service.storage.table import Table, place

NAME, KEY_SCHEMA, WRITE = "table", "table keys", "dynamodb write"
DESCRIBE = "dynamodb:DescribeTable"
ITEMS = ("1", "2")
REMOVE_SECONDS = 3.0
EXPIRE_SECONDS = 3600
"""If nobody can remove the items, TTL does."""
ABSENT = "attribute_not_exists(image_id)"


async def check_table(examination: Examination, settings: Settings, dynamodb: Any) -> None:
    """Is it there, of the right kind, and may these credentials do with it what service and worker do?"""
    resource = f"table/{settings.table}"
    described: dict[str, Any] = {}
    unknown: list[Trouble] = []

    async def there() -> str:
        try:
            described.update((await dynamodb.describe_table(TableName=settings.table))["Table"])
        except AWAY as error:
            if isinstance(error, TimeoutError):
                raise
            told = explained(error, DESCRIBE, resource, State.UNCHECKED, "the worker's")
            if told.state is not State.UNCHECKED:
                raise told from None
            unknown.append(told)
            # The service may not describe it, and need not.
            with explaining("dynamodb:GetItem", resource):
                await dynamodb.get_item(TableName=settings.table, Key=place("doctor#", ITEMS[0]))
        return f"{settings.table} is there"

    async def keys() -> str:
        if unknown:
            raise unknown[0]
        return _keys(described, settings.table)

    async def billing() -> str:
        if unknown:
            raise unknown[0]
        return _billing(described, settings.table)

    async def ttl() -> str:
        with explaining(
            "dynamodb:DescribeTimeToLive", resource, missing=State.UNCHECKED, whose="whoever runs `doctor`"
        ):
            answer = await dynamodb.describe_time_to_live(TableName=settings.table)
        found = answer["TimeToLiveDescription"]
        if found.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
            warn("TTL is off: idempotency keys are kept for ever", PROVISION)
        if found.get("AttributeName") != "expires_at":
            warn(
                f"TTL is of {found.get('AttributeName')!r}, not of `expires_at`",
                "switch it off, wait an hour, and " + PROVISION,
            )
        return "idempotency keys go when their time is over"

    await examination.check(NAME, there, CREDENTIALS, reach_of("dynamodb"), CLOCK)
    await examination.check(KEY_SCHEMA, keys, NAME)
    await examination.check("table billing", billing, NAME)
    await examination.check("ttl", ttl, NAME)
    # Keys that could not be looked at are most likely right.
    needed = NAME if unknown else KEY_SCHEMA
    await _check_calls(examination, Table(dynamodb, settings.table), resource, needed)


async def _check_calls(examination: Examination, table: Table, resource: str, needed: str) -> None:
    client, name = table.client, table.name
    async with _probe(table) as probe:
        partition = probe.partition

        async def write() -> str:
            item = serialize(
                {"user_id": partition, "image_id": ITEMS[0], "expires_at": int(time.time()) + EXPIRE_SECONDS}
            )
            probe.there = True
            with explaining("dynamodb:PutItem", resource):
                first = await table.put_if(item, ABSENT)
                again = await table.put_if(item, ABSENT)
            if not first or again:
                wrong(
                    "a conditional write was done against its condition",
                    "use a DynamoDB that keeps conditions, as AWS's does",
                )
            return "once, and not twice against its condition"

        async def update() -> str:
            with explaining("dynamodb:UpdateItem", resource):
                await table.update_if(partition, ITEMS[0], "SET #seen = :seen", "attribute_exists(image_id)", seen=1)
            return "done"

        async def transaction() -> str:
            item = serialize(
                {"user_id": partition, "image_id": ITEMS[1], "expires_at": int(time.time()) + EXPIRE_SECONDS}
            )
            check = table.check(partition, ITEMS[0], "attribute_exists(image_id)")
            with explaining("dynamodb:ConditionCheckItem and dynamodb:PutItem", resource):
                if not await table.write(check, table.put(item, ABSENT)):
                    wrong("a transaction whose condition holds is refused", "use a DynamoDB that knows transactions")
            return "two items, both or none"

        async def read() -> str:
            with explaining("dynamodb:GetItem", resource):
                if await table.get(partition, ITEMS[0]) is None:
                    wrong("an item that was just written is not there", "use a DynamoDB whose reads can be consistent")
            with explaining("dynamodb:Query", resource):
                found = [item async for item in table.query(partition, ["image_id"], "attribute_exists(#image_id)")]
            return f"{len(found)} items, by key and by query"

        async def sweeping() -> str:
            of_worker: dict[str, Any] = {"missing": State.WARNING, "whose": "the worker's"}
            with explaining("dynamodb:BatchGetItem", resource, **of_worker):
                await client.batch_get_item(RequestItems={name: {"Keys": [place(partition, ITEMS[0])]}})
            with explaining("dynamodb:Scan", resource, **of_worker):
                await client.scan(TableName=name, Limit=1)
            return "the worker can look the table over"

        async def delete() -> str:
            with explaining("dynamodb:DeleteItem", resource):
                for item in ITEMS:
                    await client.delete_item(TableName=name, Key=place(partition, item))
            probe.there = False
            return "the items are gone again"

        checks: dict[str, Callable[[], Awaitable[str]]] = {
            "dynamodb update": update,
            "transaction": transaction,
            "dynamodb read": read,
            "sweep": sweeping,
            "dynamodb delete": delete,
        }
        await examination.check(WRITE, write, needed)
        for what, look in checks.items():
            await examination.check(what, look, WRITE)


@dataclass
class _Probe:
    """A partition that no user has for a name. `there` as long as it may have items."""

    partition: str
    there: bool = False


@asynccontextmanager
async def _probe(table: Table) -> AsyncIterator[_Probe]:
    """Its items are removed in any case: also when the checks are broken off."""
    probe = _Probe(f"doctor#{secrets.token_hex(8)}")
    try:
        yield probe
    finally:
        if probe.there:
            with suppress(*AWAY):
                async with asyncio.timeout(REMOVE_SECONDS):
                    for item in ITEMS:
                        await table.client.delete_item(TableName=table.name, Key=place(probe.partition, item))


def _keys(described: dict[str, Any], name: str) -> str:
    types = {one["AttributeName"]: one["AttributeType"] for one in described["AttributeDefinitions"]}
    keys = {(key["AttributeName"], key["KeyType"], types[key["AttributeName"]]) for key in described["KeySchema"]}
    if keys != {(key, kind, "S") for key, kind in KEYS}:
        shown = ", ".join(f"{key} ({kind}, {of})" for key, kind, of in sorted(keys))
        wrong(
            f"{name} has the keys {shown}, not user_id (HASH, S) and image_id (RANGE, S)",
            "name another table in IMAGES_TABLE and run: cloud-images provision; keys of a table cannot be changed",
        )
    return "user_id (HASH), image_id (RANGE), both strings"


def _billing(described: dict[str, Any], name: str) -> str:
    if described.get("BillingModeSummary", {}).get("BillingMode") != "PAY_PER_REQUEST":
        warn(
            "the table has a fixed capacity: beyond it uploads are answered with 503",
            f"run: aws dynamodb update-table --table-name {name} --billing-mode PAY_PER_REQUEST",
        )
    return "on demand"
