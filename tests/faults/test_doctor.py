"""`doctor` at an AWS that is broken: each mend is told where something is wrong, and nothing of a probe stays."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path

import pytest
from aiohttp import web

from service.findings import ALL_SECONDS, Examination, State
from service.settings import Settings
from service.storage import Storage
from service.storage.aws import clients
from service.storage.checkup import check_aws
from service.storage.provision import provision
from tests.aws_commands import commands_in, performed, read
from tests.backstage import drain, until
from tests.checkups import Report, checked
from tests.cli.odd import odd
from tests.conftest import settings_at
from tests.faults.between import LOOPBACK
from tests.faults.exchange import Exchange
from tests.faults.kinds import Fault, says
from tests.faults.proxy import proxy_to, through
from tests.subscribers import topic_of
from worker.decoder import Decoders


async def left_behind(settings: Settings) -> list[str]:
    """Probes that are still in bucket or table."""
    async with clients(settings, "s3", "dynamodb") as (s3, dynamodb):
        objects = (await s3.list_objects_v2(Bucket=settings.bucket)).get("Contents", ())
        items = (await dynamodb.scan(TableName=settings.table))["Items"]
    return [one["Key"] for one in objects] + [item["user_id"]["S"] for item in items]


async def test_all_is_right(settings: Settings, storage: Storage, decoders: Decoders) -> None:
    """It says so, leaves nothing, and what it sends is nothing to a worker."""
    report = await checked(settings)
    assert report.besides(State.OK) == {}
    assert len(report.findings) > 25
    assert await left_behind(settings) == []
    await drain(settings, storage, decoders)
    assert await storage.queue.is_empty()
    assert await storage.dead_letters.is_empty()
    assert await left_behind(settings) == []


async def test_a_presigned_url_is_asked_for_as_it_is(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 refuses one that comes with a password of `.netrc` beside its signature."""
    (tmp_path / "netrc").write_text("default login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    async def content(_: web.Request) -> web.Response:
        return web.Response(body=b"cloud-images doctor")

    async with odd(content) as public:
        report = await checked(replace(settings, public_endpoint_s3=public.url))
    assert report["presigned url"].state is State.OK
    (asked,) = public.asked
    assert "X-Amz-Signature=" in asked.path
    assert "Authorization" not in asked.headers


async def test_nothing_is_there(endpoint: str) -> None:
    """Four things are wrong, each mended by `provision`; what depends on them is not checked, and not wrong."""
    settings = settings_at(endpoint)
    report = await checked(settings)
    assert report.wrong == {"bucket", "table", "queue", "dead-letter queue"}
    for what in report.wrong:
        assert "cloud-images provision" in report[what].mend
    assert report["s3 put"].state is State.UNCHECKED
    assert "`bucket`" in report["s3 put"].seen
    await provision(settings)
    assert (await checked(settings)).besides(State.OK) == {}


Break = Callable[[Settings], Awaitable[None]]


async def _no_bucket(settings: Settings) -> None:
    async with clients(settings, "s3") as (s3,):
        await s3.delete_bucket(Bucket=settings.bucket)


async def _other_keys(settings: Settings) -> None:
    async with clients(settings, "dynamodb") as (dynamodb,):
        await dynamodb.delete_table(TableName=settings.table)
        await dynamodb.create_table(
            TableName=settings.table,
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )


async def _fixed_capacity(settings: Settings) -> None:
    async with clients(settings, "dynamodb") as (dynamodb,):
        throughput = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
        await dynamodb.update_table(
            TableName=settings.table, BillingMode="PROVISIONED", ProvisionedThroughput=throughput
        )


async def _no_ttl(settings: Settings) -> None:
    async with clients(settings, "dynamodb") as (dynamodb,):
        specification = {"Enabled": False, "AttributeName": "expires_at"}
        await dynamodb.update_time_to_live(TableName=settings.table, TimeToLiveSpecification=specification)


async def _attributes(settings: Settings, **attributes: str) -> None:
    async with clients(settings, "sqs") as (sqs,):
        url = (await sqs.get_queue_url(QueueName=settings.queue))["QueueUrl"]
        await sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)


async def _no_redrive(settings: Settings) -> None:
    await _attributes(settings, RedrivePolicy="")


async def _redrive(settings: Settings, queue: str, most: int) -> None:
    arn = f"arn:aws:sqs:us-east-1:000000000000:{queue}"
    await _attributes(settings, RedrivePolicy=json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": most}))


async def _other_count(settings: Settings) -> None:
    await _redrive(settings, settings.dead_letter_queue, 2)


async def _other_dead_letters(settings: Settings) -> None:
    async with clients(settings, "sqs") as (sqs,):
        await sqs.create_queue(QueueName=f"{settings.queue}-other")
    await _redrive(settings, f"{settings.queue}-other", 5)


async def _short_visibility(settings: Settings) -> None:
    await _attributes(settings, VisibilityTimeout="30")


async def _short_lived_dead_letters(settings: Settings) -> None:
    async with clients(settings, "sqs") as (sqs,):
        url = (await sqs.get_queue_url(QueueName=settings.dead_letter_queue))["QueueUrl"]
        await sqs.set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": "86400"})


async def _no_dead_letter_queue(settings: Settings) -> None:
    async with clients(settings, "sqs") as (sqs,):
        url = (await sqs.get_queue_url(QueueName=settings.dead_letter_queue))["QueueUrl"]
        await sqs.delete_queue(QueueUrl=url)


async def _dead_letter(settings: Settings) -> None:
    async with clients(settings, "sqs") as (sqs,):
        url = (await sqs.get_queue_url(QueueName=settings.dead_letter_queue))["QueueUrl"]
        await sqs.send_message(QueueUrl=url, MessageBody="dead")


async def _no_lifecycle(settings: Settings) -> None:
    async with clients(settings, "s3") as (s3,):
        await s3.delete_bucket_lifecycle(Bucket=settings.bucket)


async def _images_expire(settings: Settings) -> None:
    rule = {"ID": "mine", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 90}}
    async with clients(settings, "s3") as (s3,):
        await s3.put_bucket_lifecycle_configuration(Bucket=settings.bucket, LifecycleConfiguration={"Rules": [rule]})


async def _no_cors(settings: Settings) -> None:
    async with clients(settings, "s3") as (s3,):
        await s3.delete_bucket_cors(Bucket=settings.bucket)


async def _no_notification(settings: Settings) -> None:
    async with clients(settings, "s3") as (s3,):
        await s3.put_bucket_notification_configuration(Bucket=settings.bucket, NotificationConfiguration={})


async def _open_to_all(settings: Settings) -> None:
    async with clients(settings, "s3") as (s3,):
        await s3.delete_public_access_block(Bucket=settings.bucket)


async def _versions(settings: Settings) -> None:
    async with clients(settings, "s3") as (s3,):
        await s3.put_bucket_versioning(Bucket=settings.bucket, VersioningConfiguration={"Status": "Enabled"})


PROVISION = "cloud-images provision"
BROKEN: list[tuple[Break, str, State, str, str]] = [
    (_no_bucket, "bucket", State.WRONG, "there is no bucket", PROVISION),
    (_other_keys, "table keys", State.WRONG, "id (HASH, S)", "IMAGES_TABLE"),
    (_fixed_capacity, "table billing", State.WARNING, "fixed capacity", "--billing-mode PAY_PER_REQUEST"),
    (_no_ttl, "ttl", State.WARNING, "off", PROVISION),
    (_no_redrive, "redrive policy", State.WRONG, "for ever", PROVISION),
    (_other_count, "redrive policy", State.WARNING, "2 deliveries, not MAX_DELIVERIES=5", '\\"maxReceiveCount\\": 5'),
    (_other_dead_letters, "redrive policy", State.WRONG, "-other", "IMAGE_DEAD_LETTER_QUEUE="),
    (_short_visibility, "visibility", State.WARNING, "30 s", "VisibilityTimeout=120"),
    (_short_lived_dead_letters, "redrive policy", State.WARNING, "a shorter time", "MessageRetentionPeriod=1209600"),
    (_no_dead_letter_queue, "dead-letter queue", State.WRONG, "there is no such queue", PROVISION),
    (_dead_letter, "dead-letter queue", State.WARNING, "1 dead letter", "cloud-images redrive"),
    (_no_lifecycle, "lifecycle", State.WARNING, "cloud-images-staged", PROVISION),
    (_images_expire, "lifecycle", State.WRONG, "'mine' lets images expire", "remove it"),
    (_no_cors, "cors", State.WARNING, "GET", PROVISION),
    (_no_notification, "direct uploads", State.WARNING, "next sweep", PROVISION),
    (_open_to_all, "public access", State.WARNING, "public", "aws s3api put-public-access-block"),
    (_versions, "versioning", State.WARNING, "for ever", "Status=Suspended"),
]


@pytest.mark.parametrize(("broken", "what", "state", "seen", "mend"), BROKEN, ids=[one[0].__name__ for one in BROKEN])
async def test_what_is_broken(endpoint: str, broken: Break, what: str, state: State, seen: str, mend: str) -> None:
    """It is told, with how to mend it; `provision` and commands mend what they are said to; nothing else is wrong."""
    settings = settings_at(endpoint)
    await provision(settings)
    await broken(settings)
    report = await checked(settings)
    found = report[what]
    assert found.state is state, found
    assert seen in found.seen
    assert mend in found.mend
    assert report.wrong == ({what} if state is State.WRONG else set())
    commands = [read(command) for command in commands_in(found.mend)]
    for command in filter(None, commands):
        await performed(settings, command)
    if mend == PROVISION:
        await provision(settings)
    if mend == PROVISION or (commands and broken is not _images_expire):
        assert (await checked(settings))[what].state is State.OK


async def through_proxy(settings: Settings, fault: str | Fault, *calls: str) -> Report:
    """What is found when those calls meet that fault."""
    async with proxy_to(str(settings.endpoint_s3)) as proxy:
        with ExitStack() as stack:
            rules = [stack.enter_context(proxy.breaking(call, fault)) for call in calls]
            report = await checked(through(settings, proxy))
        assert all(rule.met for rule in rules), proxy.all
    return report


DENIED = [
    [
        ("s3 ListObjectsV2 incoming", "s3 list", State.WRONG, "s3:ListBucket"),
        ("dynamodb DescribeTable", "table keys", State.UNCHECKED, "dynamodb:DescribeTable"),
        ("dynamodb UpdateItem", "dynamodb update", State.WRONG, "dynamodb:UpdateItem"),
        ("dynamodb BatchGetItem", "sweep", State.WARNING, "dynamodb:BatchGetItem"),
        ("sqs SendMessageBatch", "sqs send", State.WRONG, "sqs:SendMessage"),
    ],
    [
        ("s3 PutObject incoming", "s3 put", State.WRONG, "s3:PutObject"),
        ("dynamodb DescribeTimeToLive", "ttl", State.UNCHECKED, "dynamodb:DescribeTimeToLive"),
        ("dynamodb TransactWriteItems", "transaction", State.WRONG, "dynamodb:ConditionCheckItem"),
        ("dynamodb GetItem", "dynamodb read", State.WRONG, "dynamodb:GetItem"),
        ("sqs ReceiveMessage", "sqs receive", State.WARNING, "sqs:ReceiveMessage"),
    ],
    [
        ("s3 GetObject incoming", "s3 get", State.WRONG, "s3:GetObject"),
        ("dynamodb PutItem", "dynamodb write", State.WRONG, "dynamodb:PutItem"),
        ("sqs GetQueueUrl", "queue", State.WRONG, "sqs:GetQueueUrl"),
    ],
    [
        ("s3 DeleteObjects", "s3 delete", State.WRONG, "s3:DeleteObject"),
        ("dynamodb Query", "dynamodb read", State.WRONG, "dynamodb:Query"),
        ("dynamodb Scan", "sweep", State.WARNING, "dynamodb:Scan"),
        ("dynamodb DeleteItem", "dynamodb delete", State.WRONG, "dynamodb:DeleteItem"),
        ("sqs DeleteMessage", "sqs receive", State.WARNING, "sqs:DeleteMessage"),
    ],
    [
        ("sqs ChangeMessageVisibility", "sqs receive", State.WARNING, "sqs:ChangeMessageVisibility"),
    ],
]
"""In groups, of which no call keeps another one from being made."""


@pytest.mark.parametrize("denied", DENIED, ids=[one[0][0] for one in DENIED])
async def test_what_is_not_allowed(settings: Settings, denied: list[tuple[str, str, State, str]]) -> None:
    """The action of IAM is named, and what of it is only the worker's."""
    report = await through_proxy(settings, "denied", *(call for call, *_ in denied))
    for call, what, state, action in denied:
        found = report[what]
        assert found.state is state, (call, found)
        assert f"may not {action}" in found.seen, call
        assert f"allow {action}" in found.mend, call
        assert "in the IAM policy" in found.mend
        if state is State.WARNING:
            assert "if they are the worker's" in found.mend


ANSWERS = [
    ("unknown_key", "does not know this access key", "AWS_ACCESS_KEY_ID"),
    ("bad_signature", "does not fit", "AWS_SECRET_ACCESS_KEY"),
    ("expired_token", "expired", "AWS_SESSION_TOKEN"),
    ("skewed", "clocks", "timedatectl"),
]


@pytest.mark.parametrize(("kind", "seen", "mend"), ANSWERS, ids=[one[0] for one in ANSWERS])
async def test_credentials_that_are_refused(settings: Settings, kind: str, seen: str, mend: str) -> None:
    """By each part of AWS in its own words, which mean the same."""
    calls = {
        "s3 put": "s3 PutObject incoming",
        "dynamodb write": "dynamodb PutItem",
        "sqs send": "sqs SendMessageBatch",
    }
    report = await through_proxy(settings, kind, *calls.values())
    for what in calls:
        found = report[what]
        assert (found.state, seen in found.seen, mend in found.mend) == (State.WRONG, True, True), found


@pytest.mark.parametrize("kind", ["log_in", "redirect", "bad_gateway"])
async def test_what_answers_is_not_aws(settings: Settings, kind: str) -> None:
    """A network that wants a log-in, say; nothing is asked of it that needs credentials."""
    async with proxy_to(str(settings.endpoint_s3)) as proxy:
        with proxy.breaking("s3 ListObjectsV2 ", kind):
            report = await checked(through(settings, proxy))
        assert report.wrong == {"s3 endpoint"}
        assert "is not AWS" in report["s3 endpoint"].seen
        assert "log in to the network" in report["s3 endpoint"].mend
        assert set(proxy.all) == {"s3 ListObjectsV2 "}


def shifted(seconds: int) -> Fault:
    """AWS with its clock so far ahead of ours."""

    async def fault(exchange: Exchange) -> web.StreamResponse:
        answer = await exchange.forward()
        there = parsedate_to_datetime(answer.headers["Date"]) + timedelta(seconds=seconds)
        answer.headers["Date"] = format_datetime(there, usegmt=True)
        return answer

    return fault


@pytest.mark.parametrize(
    ("seconds", "state", "seen"),
    [
        (0, State.OK, "as AWS's"),
        (-30, State.OK, "ahead of"),
        (120, State.WARNING, "behind"),
        (-120, State.WARNING, "ahead of"),
        (600, State.WRONG, "signatures are refused"),
    ],
)
async def test_the_clock(settings: Settings, seconds: int, state: State, seen: str) -> None:
    """Held against AWS's own; nothing signed is tried when it is too far off."""
    report = await through_proxy(settings, shifted(seconds), "s3 ListObjectsV2 ")
    found = report["clock"]
    assert found.state is state, found
    assert seen in found.seen
    if state is not State.OK:
        assert "timedatectl" in found.mend
    assert (report["bucket"].state is State.UNCHECKED) == (state is State.WRONG)


async def test_nothing_listens(settings: Settings) -> None:
    """No part is wrong that could not be reached."""
    nowhere = f"http://{LOOPBACK}:1"
    report = await checked(settings_at(nowhere))
    assert report.wrong == {"s3 endpoint"}
    assert "nothing listens" in report["s3 endpoint"].seen
    assert "AWS_ENDPOINT" in report["s3 endpoint"].mend
    assert report["sqs endpoint"].state is State.UNCHECKED


async def test_a_name_that_nobody_knows(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*given: object, **more: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown, raising=False)
    report = await checked(settings_at("http://aws.invalid"))
    assert "the name aws.invalid is not known" in report["s3 endpoint"].seen
    assert "DNS" in report["s3 endpoint"].mend


async def test_the_topic(settings: Settings) -> None:
    """Is it there, where there is to be one? What is tried is heard by nobody; what is told for that can be run."""
    for fifo in (False, True):
        async with topic_of(settings, fifo=fifo) as topic:
            told, subscriber = replace(settings, topic=topic.arn), await topic.subscribe(raw=False)
            report = await checked(told)
            assert set(report.besides(State.OK)) == {"sns publish"}
            assert topic.arn in report["topic"].seen
            assert report["sns publish"].state is State.UNCHECKED
            assert await subscriber.heard() == []
            (command,) = commands_in(report["sns publish"].mend)
            assert topic.arn in command
            await performed(told, read(command) or pytest.fail(command))
            assert await until(subscriber.bodies) == ["test"]
    report = await checked(replace(told, topic=f"{topic.arn}-other"))
    assert report.wrong == {"topic"}
    assert "IMAGE_TOPIC_ARN" in report["topic"].mend
    assert report["sns publish"].seen == "because `topic` is not right"


@pytest.mark.parametrize("calls", [("sns Publish",), ("sns GetTopicAttributes", "sns Publish")])
async def test_a_topic_that_is_not_for_these_credentials(settings: Settings, calls: tuple[str, ...]) -> None:
    """That is certain, whoever may look at the topic; and it is needed of the worker only."""
    async with topic_of(settings) as topic, proxy_to(str(settings.endpoint_sns)) as proxy:
        with ExitStack() as stack:
            for call in calls:
                stack.enter_context(proxy.breaking(call, "denied"))
            report = await checked(replace(through(settings, proxy, ("sns",)), topic=topic.arn))
    found = report["sns publish"]
    assert (found.state, found.seen) == (State.WARNING, "these credentials may not sns:Publish")
    assert "if they are the worker's" in found.mend
    assert report["topic"].state is (State.UNCHECKED if len(calls) == 2 else State.OK)


async def test_a_topic_that_takes_anything(settings: Settings) -> None:
    """Is none of AWS's."""
    taken = says(
        200, b"<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>", "text/xml"
    )
    async with topic_of(settings) as topic, proxy_to(str(settings.endpoint_sns)) as proxy:
        with proxy.breaking("sns Publish", taken):
            report = await checked(replace(through(settings, proxy, ("sns",)), topic=topic.arn))
    assert (report["sns publish"].state, "must refuse" in report["sns publish"].seen) == (State.WARNING, True)


async def test_endpoints_that_hang(settings: Settings) -> None:
    """Three of them: all is over in the time that it is to take, and the firewall is named."""
    begun = asyncio.get_running_loop().time()
    with socket.create_server((LOOPBACK, 0)) as s3, socket.create_server((LOOPBACK, 0)) as sqs:
        at = {
            "endpoint_s3": f"http://{LOOPBACK}:{s3.getsockname()[1]}",
            "endpoint_sqs": f"http://{LOOPBACK}:{sqs.getsockname()[1]}",
        }
        report = await checked(settings_at(str(settings.endpoint_dynamodb), **at))
    assert asyncio.get_running_loop().time() - begun < ALL_SECONDS
    for part in ("s3", "sqs"):
        found = report[f"{part} endpoint"]
        assert (found.state, found.seen) == (State.WRONG, "no answer within 5 seconds")
        assert "firewall" in found.mend
    assert report["bucket"].state is State.UNCHECKED
    assert report["table"].state is State.WRONG  # its part does answer


async def test_an_answer_that_nobody_has_thought_of() -> None:
    """It is one finding, and what comes after it is checked all the same."""

    async def odd() -> str:
        answer: dict[str, str] = {}
        return answer["TimeToLiveDescription"]

    async def sound() -> str:
        return "all right"

    examination = Examination(lambda _: None)
    assert not await examination.check("odd", odd)
    assert await examination.check("sound", sound)
    (found, _) = examination.findings
    assert (found.state, "KeyError" in found.seen) == (State.WRONG, True)


async def test_calls_that_hang(settings: Settings) -> None:
    """The time for all is kept, whatever is left of it when it begins to hang."""
    begun, before = asyncio.get_running_loop().time(), await left_behind(settings)
    async with proxy_to(str(settings.endpoint_s3)) as proxy:
        with proxy.breaking("s3 PutObject incoming", "hang"):
            examination = Examination(lambda _: None, seconds=3)
            await check_aws(examination, through(settings, proxy))
    assert asyncio.get_running_loop().time() - begun < 40
    report = Report(examination.findings)
    assert report["s3 put"].state is State.WRONG
    assert report["queue"].state is State.UNCHECKED
    assert "time for all checks" in report["queue"].seen
    assert await left_behind(settings) == before


@pytest.mark.parametrize(
    "call", ["s3 GetObject incoming", "s3 DeleteObjects", "dynamodb UpdateItem", "dynamodb TransactWriteItems"]
)
@pytest.mark.parametrize("kind", ["hang", "late"])
async def test_broken_off(settings: Settings, call: str, kind: str) -> None:
    """In the middle of it, as Ctrl-C does: nothing of a probe stays."""
    before = await left_behind(settings)
    async with proxy_to(str(settings.endpoint_s3)) as proxy:
        with proxy.breaking(call, kind) as rule:

            async def met() -> bool:
                return rule.met > 0

            task = asyncio.create_task(checked(through(settings, proxy)))
            await until(met)
            rule.over = True  # the next call is let through: it removes what was made
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    assert await left_behind(settings) == before
