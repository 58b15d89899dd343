"""The bare sequence: `python -m tests.load.peers.bare ENDPOINT BUCKET TABLE QUEUE FILE TIMES` prints JSON.

The calls to AWS that an image needs from its arrival to its record, one after another with clients that are open, and
the decode between them. `sequence`: seconds of each time. `lag`: seconds from a message's acceptance until a long poll
that was waiting for it answers, which the sequence does not contain, as there the message is there before the poll.
"""

import asyncio
import json
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import aioboto3
import obstore
import uvloop
from obstore.store import S3Store

from tests.load.peers.plain import derive

WARM_UPS = 3
PAUSE_SECONDS = 0.05


async def sequence(store: S3Store, sqs: Any, dynamodb: Any, url: str, table: str, data: bytes) -> float:
    """One image; returns seconds."""
    begin = time.perf_counter()
    name = uuid.uuid4().hex
    staged = f"bare/incoming/{name}"
    await obstore.put_async(store, staged, data, use_multipart=False)
    await sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"key": staged}))
    answer = await sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)
    (message,) = answer["Messages"]
    fetched = await (await obstore.get_async(store, json.loads(message["Body"])["key"])).bytes_async()
    variants = derive(bytes(fetched))
    for part, content in zip(("original", "preview", "thumb"), (data, *variants), strict=True):
        await obstore.put_async(store, f"bare/images/{name}/{part}", content, use_multipart=False)
    item = {"user_id": {"S": "bare"}, "image_id": {"S": name}, "status": {"S": "ready"}}
    await dynamodb.put_item(TableName=table, Item=item)
    await obstore.delete_async(store, staged)
    await sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return time.perf_counter() - begin


async def lag(sqs: Any, url: str) -> float:
    """One message to a poll that waits for it; returns seconds."""
    poll = asyncio.create_task(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10))
    await asyncio.sleep(PAUSE_SECONDS)
    await sqs.send_message(QueueUrl=url, MessageBody="x")
    begin = time.perf_counter()
    (message,) = (await poll)["Messages"]
    seconds = time.perf_counter() - begin
    await sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return seconds


async def main() -> None:
    """All of it."""
    endpoint, bucket, table, queue, file, times = sys.argv[1:]
    data = await asyncio.to_thread(Path(file).read_bytes)
    store = S3Store(
        bucket,
        endpoint=endpoint,
        access_key_id="test",
        secret_access_key="test",
        region="us-east-1",
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )
    session = aioboto3.Session()
    async with (
        session.client("sqs", endpoint_url=endpoint) as sqs,
        session.client("dynamodb", endpoint_url=endpoint) as db,
    ):
        url = (await sqs.create_queue(QueueName=queue))["QueueUrl"]
        sequences, lags = [], []
        for _ in range(WARM_UPS + int(times)):
            sequences.append(await sequence(store, sqs, db, url, table, data))
            lags.append(await lag(sqs, url))
    print(json.dumps({"sequence": sequences[WARM_UPS:], "lag": lags[WARM_UPS:]}))


if __name__ == "__main__":
    uvloop.run(main())
