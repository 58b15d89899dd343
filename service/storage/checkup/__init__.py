"""Looks at AWS from the ground up: credentials, the way to it, the clock, bucket, table, queues."""

from contextlib import AsyncExitStack

from botocore.exceptions import BotoCoreError

from service.errors import SettingsError
from service.findings import Examination, Finding, State
from service.settings import Settings
from service.storage import open_storage
from service.storage.aws import clients
from service.storage.checkup.bucket import NAME as BUCKET
from service.storage.checkup.bucket import check_bucket
from service.storage.checkup.bucket_rules import check_bucket_rules
from service.storage.checkup.identity import check_credentials
from service.storage.checkup.notices import check_topic
from service.storage.checkup.queues import NAME as QUEUE
from service.storage.checkup.queues import check_queues
from service.storage.checkup.reach import CLOCK_NAME as CLOCK
from service.storage.checkup.reach import check_reach
from service.storage.checkup.table import NAME as TABLE
from service.storage.checkup.table import check_table


async def check_aws(examination: Examination, settings: Settings) -> None:
    """All that can be known of it without disturbing anything in it."""
    await check_credentials(examination, settings)
    async with AsyncExitStack() as stack:
        try:
            storage = await stack.enter_async_context(open_storage(settings))
            s3, sqs, dynamodb = await stack.enter_async_context(clients(settings, "s3", "sqs", "dynamodb"))
        except (SettingsError, BotoCoreError):  # half a pair of keys, or a profile that there is not
            for what in (CLOCK, BUCKET, TABLE, QUEUE):
                examination.add(Finding(what, State.UNCHECKED, "because `credentials` is not right"))
            return
        urls = {part: one.meta.endpoint_url for part, one in (("s3", s3), ("sqs", sqs), ("dynamodb", dynamodb))}
        await check_reach(examination, urls)
        await check_bucket(examination, settings, s3)
        await check_bucket_rules(examination, settings, s3)
        await check_table(examination, settings, dynamodb)
        await check_queues(examination, settings, sqs, storage.queue)
        await check_topic(examination, settings, storage.topic)
