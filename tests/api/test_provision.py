"""`cloud-images provision`: creates what is missing, and uses what is there as it is."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from service.errors import SettingsError
from service.settings import Settings
from service.storage import open_storage
from service.storage.aws import clients
from service.storage.provision import provision
from tests import local_aws
from tests.api.aws import Aws
from tests.api.processes import environment, run
from tests.conftest import settings_at
from tests.driver import Client, client_of, drain
from tests.pictures import jpeg
from worker.decoder import Decoders

KEYS = {"user_id": "HASH", "image_id": "RANGE"}
DONE = "Bucket, table and queues are there.\n"


@pytest.fixture
def fresh(endpoint: str) -> Settings:
    """Names in AWS of which nothing is there yet."""
    return settings_at(endpoint)


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Endpoints of two more local AWS, as empty as a new account."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(local_aws.running(local_aws.free_port(), tmp_path_factory.mktemp("aws") / "log"))
            for _ in range(2)
        ]


@dataclass(frozen=True)
class Clients:
    """AWS, as its own command line sees it."""

    s3: Any
    sqs: Any
    dynamodb: Any

    async def table(self, name: str, keys: dict[str, str], kinds: str = "SS") -> None:
        """`aws dynamodb create-table --billing-mode PAY_PER_REQUEST`."""
        await self.dynamodb.create_table(
            TableName=name,
            AttributeDefinitions=[
                {"AttributeName": key, "AttributeType": kind} for key, kind in zip(keys, kinds, strict=False)
            ],
            KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
            BillingMode="PAY_PER_REQUEST",
        )

    async def everything(self, settings: Settings) -> dict[str, Any]:
        """How all that `provision` cares for is set."""
        bucket = {"Bucket": settings.bucket}
        table = (await self.dynamodb.describe_table(TableName=settings.table))["Table"]
        ttl = await self.dynamodb.describe_time_to_live(TableName=settings.table)
        return {
            "rules": (await self.s3.get_bucket_lifecycle_configuration(**bucket))["Rules"],
            "public": (await self.s3.get_public_access_block(**bucket))["PublicAccessBlockConfiguration"],
            "queue": await self.queue(settings.queue),
            "dead": await self.queue(settings.dead_letter_queue),
            "keys": {key["AttributeName"]: key["KeyType"] for key in table["KeySchema"]},
            "billing": table["BillingModeSummary"]["BillingMode"],
            "ttl": ttl["TimeToLiveDescription"],
        }

    async def queue(self, name: str) -> dict[str, str]:
        """A queue's attributes."""
        url = (await self.sqs.get_queue_url(QueueName=name))["QueueUrl"]
        answer = await self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        attributes: dict[str, str] = answer["Attributes"]
        return attributes


@pytest.fixture(scope="module")
async def at(endpoint: str) -> AsyncIterator[Clients]:
    """The AWS of this session."""
    async with clients(settings_at(endpoint), "s3", "sqs", "dynamodb") as made:
        yield Clients(*made)


async def test_everything_is_created_once(fresh: Settings, at: Clients) -> None:
    """And as the design wants it; the second run finds nothing to do."""
    first = await run(environment(fresh), "provision")
    assert (first.code, first.out) == (0, DONE), first.err
    made = await at.everything(fresh)
    redrive = json.loads(made["queue"]["RedrivePolicy"])
    assert int(redrive["maxReceiveCount"]) == 5
    assert redrive["deadLetterTargetArn"] == made["dead"]["QueueArn"]
    assert "RedrivePolicy" not in made["dead"]
    assert made["queue"]["MessageRetentionPeriod"] == made["dead"]["MessageRetentionPeriod"] == str(14 * 86_400)
    assert made["ttl"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
    assert (made["keys"], made["billing"]) == (KEYS, "PAY_PER_REQUEST")
    assert set(made["public"].values()) == {True}
    expiring = {
        rule["Filter"].get("Prefix"): rule["Expiration"]["Days"] for rule in made["rules"] if "Expiration" in rule
    }
    assert expiring.keys() == {"incoming/", "direct/"}, "nothing else may ever expire, least of all images/"
    assert all(days > 14 for days in expiring.values()), "a message must not outlive the bytes that it points to"
    assert any("AbortIncompleteMultipartUpload" in rule for rule in made["rules"])

    again = await run(environment(fresh), "provision")
    assert (again.code, again.out) == (0, DONE), again.err
    assert await at.everything(fresh) == made
    assert "created" in first.err
    assert "created" not in again.err


async def test_a_page_of_another_origin_may_follow_a_redirect(fresh: Settings, at: Clients) -> None:
    """Browsers ask the bucket's CORS rules first."""
    await provision(fresh)
    rules = (await at.s3.get_bucket_cors(Bucket=fresh.bucket))["CORSRules"]
    assert any("GET" in rule["AllowedMethods"] for rule in rules)


async def test_two_at_once(fresh: Settings, at: Clients) -> None:
    """As when several containers start together."""
    await asyncio.gather(provision(fresh), provision(fresh), provision(fresh))
    assert len((await at.everything(fresh))["rules"]) == 3


async def whole_way(client: Client, settings: Settings, decoders: Decoders) -> None:
    """Upload, process, list, fetch, fetch past the service, delete."""
    accepted = await client.upload(jpeg().data)
    assert accepted.status == 202, accepted.body
    async with open_storage(settings) as storage:
        await drain(settings, storage, decoders)
    record = (await client.get(accepted.headers["Location"])).json
    assert record["status"] == "ready"
    assert (await client.get("/v1/images")).json["images"] == [record]
    content = record["links"]["content"]
    assert (await client.get(content)).body == jpeg().data
    location = (await client.get(f"{content}?redirect=1")).headers["Location"]
    async with aiohttp.ClientSession() as plain, plain.get(location) as direct:
        assert await direct.read() == jpeg().data
    assert (await client.get("/readyz")).status == 200
    assert (await client.ask("DELETE", record["links"]["self"])).status == 204


async def test_bucket_and_table_made_by_hand(others: list[str], decoders: Decoders) -> None:
    """With the very names and environment that users have; what is in them stays."""
    given = environment(AWS_ENDPOINT=others[0])
    settings = Settings.from_env({**given, "POLL_SECONDS": "1", "PORT": "0"})
    assert (settings.bucket, settings.table) == ("image-bucket", "ImagesTable")
    item = {"user_id": {"S": "someone"}, "image_id": {"S": "theirs"}, "note": {"S": "keep me"}}
    async with clients(settings, "s3", "sqs", "dynamodb") as made:
        at = Clients(*made)
        await at.s3.create_bucket(Bucket="image-bucket")
        await at.s3.put_object(Bucket="image-bucket", Key="their/object", Body=b"keep me")
        await at.table("ImagesTable", KEYS)
        await at.dynamodb.put_item(TableName="ImagesTable", Item=item)
        await provision(settings)
        async with client_of(settings, "alice") as client:
            await whole_way(client, settings, decoders)
        aws = Aws(settings, at.s3, at.dynamodb)
        assert await aws.items("someone") == [item]
        assert await aws.keys() == ["their/object"]


async def test_three_different_servers(fresh: Settings, endpoint: str, others: list[str], decoders: Decoders) -> None:
    """Each named by botocore's own variable, which comes before `AWS_ENDPOINT`; nothing goes astray."""
    nowhere = f"http://127.0.0.1:{local_aws.free_port()}"
    ends = {"S3": endpoint, "SQS": others[0], "DYNAMODB": others[1]}
    given = environment(fresh) | {f"AWS_ENDPOINT_URL_{name}": url for name, url in ends.items()}
    given |= {"AWS_ENDPOINT": nowhere, "AWS_ENDPOINT_URL": nowhere, "POLL_SECONDS": "1", "PORT": "0"}
    assert (await run(given, "provision")).code == 0
    apart = Settings.from_env(given)
    async with client_of(apart, "alice") as client:
        await whole_way(client, apart, decoders)
    found = {}
    for name, url in ends.items():
        async with clients(settings_at(url), "s3", "sqs", "dynamodb") as (s3, sqs, dynamodb):
            buckets = [bucket["Name"] for bucket in (await s3.list_buckets())["Buckets"]]
            queues = str((await sqs.list_queues(QueueNamePrefix=fresh.queue)).get("QueueUrls", []))
            tables = (await dynamodb.list_tables())["TableNames"]
        found[name] = (fresh.bucket in buckets, fresh.queue in queues, fresh.table in tables)
    assert found == {"S3": (True, False, False), "SQS": (False, True, False), "DYNAMODB": (False, False, True)}


async def test_the_users_own_settings_stay(fresh: Settings, at: Clients) -> None:
    """Lifecycle and CORS rules of the bucket, attributes and redrive policy of the queue."""
    bucket = {"Bucket": fresh.bucket}
    rule = {"ID": "mine", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 7}}
    cors = {"AllowedMethods": ["PUT"], "AllowedOrigins": ["https://example.org"]}
    await at.s3.create_bucket(**bucket)
    await at.s3.put_bucket_lifecycle_configuration(**bucket, LifecycleConfiguration={"Rules": [rule]})
    await at.s3.put_bucket_cors(**bucket, CORSConfiguration={"CORSRules": [cors]})
    mine = (await at.sqs.create_queue(QueueName=f"{fresh.queue}-mine"))["QueueUrl"]
    arn = (await at.sqs.get_queue_attributes(QueueUrl=mine, AttributeNames=["QueueArn"]))["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    await at.sqs.create_queue(QueueName=fresh.queue, Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "77"})
    for _ in range(2):
        await provision(fresh)
        rules = (await at.s3.get_bucket_lifecycle_configuration(**bucket))["Rules"]
        assert len(rules) == 4
        assert [one["Expiration"] for one in rules if one["ID"] == "mine"] == [{"Days": 7}]
        assert cors in (await at.s3.get_bucket_cors(**bucket))["CORSRules"]
        queue = await at.queue(fresh.queue)
        assert (json.loads(queue["RedrivePolicy"]), queue["VisibilityTimeout"]) == (json.loads(policy), "77")


async def test_a_queue_without_dead_letters_gets_them(fresh: Settings, at: Clients) -> None:
    """Else a message that cannot be processed would come for ever."""
    await at.sqs.create_queue(QueueName=fresh.queue)
    await provision(fresh)
    assert "maxReceiveCount" in (await at.queue(fresh.queue))["RedrivePolicy"]


UNFIT: list[tuple[dict[str, str], str]] = [
    ({"id": "HASH"}, "S"),
    ({"user_id": "HASH"}, "S"),
    ({"image_id": "HASH", "user_id": "RANGE"}, "SS"),
    ({"user_id": "HASH", "created_at": "RANGE"}, "SS"),
    ({"user_id": "HASH", "image_id": "RANGE"}, "SN"),
]


@pytest.mark.parametrize(("keys", "kinds"), UNFIT, ids=str)
async def test_a_table_that_cannot_serve(fresh: Settings, at: Clients, keys: dict[str, str], kinds: str) -> None:
    """It says so, rather than errors at every upload; the table stays as it is."""
    await at.table(fresh.table, keys, kinds)
    with pytest.raises(SettingsError, match=f"{fresh.table}.*user_id"):
        await provision(fresh)
    described = (await at.dynamodb.describe_table(TableName=fresh.table))["Table"]
    assert {key["AttributeName"]: key["KeyType"] for key in described["KeySchema"]} == keys


async def test_a_table_that_cannot_serve_is_one_clear_line(fresh: Settings, at: Clients) -> None:
    """For whoever runs the command, which ends with 2."""
    await at.table(fresh.table, {"id": "HASH"}, "S")
    ended = await run(environment(fresh), "provision")
    assert fresh.table in ended.complaint
    assert "user_id (HASH) and image_id (RANGE)" in ended.complaint
    assert ended.out == ""
