"""`cloud-images provision`, and word of direct uploads from the bucket to the queue."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from service.settings import Settings
from service.storage import open_storage, provision_bucket
from service.storage.provision import provision
from tests import local_aws
from tests.api.processes import environment, run
from tests.backstage import backstage_of, drain
from tests.conftest import settings_at
from tests.direct import arrive, form_for, only_image
from tests.driver import client_of
from tests.pictures import jpeg_progressive
from worker.decoder import Decoders

DATA = jpeg_progressive().data
OURS = "cloud-images-direct"


@pytest.fixture
async def aws(endpoint: str) -> AsyncIterator["Aws"]:
    """Names in AWS of which nothing is there yet."""
    settings = settings_at(endpoint)
    async with backstage_of(settings) as backstage:
        yield Aws(settings, backstage.s3, backstage.sqs)


class Aws:
    """The bucket's notifications and the queue's policy."""

    def __init__(self, settings: Settings, s3: Any, sqs: Any) -> None:
        self.settings = settings
        self.s3 = s3
        self.sqs = sqs

    async def queue(self, name: str) -> str:
        """Create a queue as a user does; its ARN."""
        url = (await self.sqs.create_queue(QueueName=name))["QueueUrl"]
        answer = await self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])

    async def bucket(self) -> None:
        """Create the bucket as a user does."""
        await self.s3.create_bucket(Bucket=self.settings.bucket)

    async def notify(self, configuration: dict[str, Any]) -> None:
        """Set the bucket's notifications."""
        place = {"Bucket": self.settings.bucket}
        await self.s3.put_bucket_notification_configuration(**place, NotificationConfiguration=configuration)

    async def notifications(self) -> dict[str, Any]:
        """The bucket's notifications."""
        answer: dict[str, Any] = await self.s3.get_bucket_notification_configuration(Bucket=self.settings.bucket)
        del answer["ResponseMetadata"]
        return answer

    async def url(self) -> str:
        """Of the queue."""
        return str((await self.sqs.get_queue_url(QueueName=self.settings.queue))["QueueUrl"])

    async def policy(self) -> dict[str, Any]:
        """The queue's policy: statements by their names."""
        answer = await self.sqs.get_queue_attributes(QueueUrl=await self.url(), AttributeNames=["Policy"])
        policy = json.loads(answer["Attributes"]["Policy"])
        assert policy["Version"] == "2012-10-17"
        return {statement["Sid"]: statement for statement in policy["Statement"]}


async def assert_ours(aws: Aws, *, others: int = 0) -> None:
    """Check that the bucket tells the queue of direct uploads, and of nothing else, and that the queue listens."""
    queues = (await aws.notifications())["QueueConfigurations"]
    (ours,) = [one for one in queues if one["Id"] == OURS]
    assert len(queues) == 1 + others
    assert ours["QueueArn"].endswith(f":{aws.settings.queue}")
    assert ours["Events"] == ["s3:ObjectCreated:*"]
    (rule,) = ours["Filter"]["Key"]["FilterRules"]
    assert (rule["Name"].lower(), rule["Value"]) == ("prefix", "direct/")
    statement = (await aws.policy())[OURS]
    assert (statement["Effect"], statement["Principal"]) == ("Allow", {"Service": "s3.amazonaws.com"})
    assert (statement["Action"], statement["Resource"]) == ("sqs:SendMessage", ours["QueueArn"])
    account = ours["QueueArn"].split(":")[4]
    assert statement["Condition"] == {
        "ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{aws.settings.bucket}"},
        "StringEquals": {"aws:SourceAccount": account},
    }


async def assert_works(settings: Settings, decoders: Decoders) -> None:
    """Upload an image directly, all the way."""
    async with (
        client_of(settings, "alice") as client,
        open_storage(settings) as storage,
        backstage_of(settings) as backstage,
    ):
        await drain(settings, storage, decoders)
        given = await form_for(client)
        await arrive(client, backstage, given, DATA)
        await drain(settings, storage, decoders)
        await only_image(client, backstage, given, DATA)


async def test_from_nothing(aws: Aws, decoders: Decoders) -> None:
    """And a second time, when nothing is left to do: S3 would send another test event."""
    await provision(aws.settings)
    await assert_ours(aws)
    before = await aws.notifications(), await aws.policy()
    async with backstage_of(aws.settings) as backstage:
        messages = await backstage.messages()
        await provision(aws.settings)
        assert await backstage.messages() == messages
    assert (await aws.notifications(), await aws.policy()) == before
    await assert_works(aws.settings, decoders)


async def test_the_users_own_rules_stay(aws: Aws, decoders: Decoders) -> None:
    """Notifications of the bucket to other queues and to EventBridge; statements in the queue's policy."""
    await aws.bucket()
    logs = {
        "Id": "mine",
        "QueueArn": await aws.queue(f"{aws.settings.queue}-logs"),
        "Events": ["s3:ObjectRemoved:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "Suffix", "Value": ".log"}]}},
    }
    await aws.notify({"QueueConfigurations": [logs], "EventBridgeConfiguration": {}})
    before = await aws.notifications()
    arn = await aws.queue(aws.settings.queue)
    mine = {"Sid": "mine", "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [mine]})
    await aws.sqs.set_queue_attributes(QueueUrl=await aws.url(), Attributes={"Policy": policy})
    for _ in range(2):
        await provision(aws.settings)
        await assert_ours(aws, others=1)
        after = await aws.notifications()
        assert before["QueueConfigurations"][0] in after["QueueConfigurations"]
        assert "EventBridgeConfiguration" in after
        assert (await aws.policy()).keys() == {"mine", OURS}
        assert (await aws.policy())["mine"] == mine
    await assert_works(aws.settings, decoders)


async def test_bucket_and_queue_made_by_hand(aws: Aws, decoders: Decoders) -> None:
    """Without any rule of their own."""
    await aws.bucket()
    await aws.queue(aws.settings.queue)
    await provision(aws.settings)
    await assert_ours(aws)
    await assert_works(aws.settings, decoders)


async def test_a_queue_that_was_made_anew(aws: Aws, decoders: Decoders) -> None:
    """Its policy went with it, while the bucket still means to tell it."""
    await provision(aws.settings)
    await aws.sqs.delete_queue(QueueUrl=await aws.url())
    await provision(aws.settings)
    await assert_ours(aws)
    await assert_works(aws.settings, decoders)


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory, scrubbed_environment: None) -> Iterator[str]:
    """Another AWS."""
    with local_aws.running(local_aws.free_port(), tmp_path_factory.mktemp("aws") / "log") as url:
        yield url


async def test_s3_and_sqs_on_different_servers(aws: Aws, another: str) -> None:
    """S3 does not know that queue: the command says what will not work, and goes on with the rest."""
    given = environment(aws.settings) | {"AWS_ENDPOINT_URL_SQS": another}
    ended = await run(given, "provision")
    assert (ended.code, ended.out) == (0, "Bucket, table and queues are there.\n")
    (warning,) = [line for line in ended.err.splitlines() if "WARNING" in line]
    assert "no direct uploads" in warning
    assert "QueueConfigurations" not in await aws.notifications()
    assert (await run(given, "provision")).code == 0


async def test_a_policy_of_one_statement(aws: Aws) -> None:
    """IAM takes it without a list around it, too."""
    arn = await aws.queue(aws.settings.queue)
    theirs = {"Sid": "theirs", "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": theirs})
    await aws.sqs.set_queue_attributes(QueueUrl=await aws.url(), Attributes={"Policy": policy})
    await provision(aws.settings)
    await assert_ours(aws)
    assert (await aws.policy())["theirs"] == theirs


class Slow:
    """S3 that does not know the queue's new policy yet; no local AWS takes that time."""

    def __init__(self, s3: Any, refusals: int) -> None:
        self._s3 = s3
        self.refusals = refusals

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)

    async def put_bucket_notification_configuration(self, **arguments: Any) -> None:
        """Refused that often."""
        if self.refusals:
            self.refusals -= 1
            error = {"Code": "InvalidArgument", "Message": "Unable to validate the destination configurations"}
            raise ClientError({"Error": error}, "PutBucketNotificationConfiguration")
        await self._s3.put_bucket_notification_configuration(**arguments)


async def test_a_policy_that_takes_its_time(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 is asked again until it finds the queue ready."""
    monkeypatch.setattr(provision_bucket, "PAUSE_SECONDS", 0.01)
    await aws.bucket()
    await aws.queue(aws.settings.queue)
    slow = Slow(aws.s3, 3)
    await provision_bucket.provision_notification(slow, aws.sqs, aws.settings, await aws.url())
    assert slow.refusals == 0
    await assert_ours(aws)
