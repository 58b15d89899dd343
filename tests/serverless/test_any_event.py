"""Events with any of their values changed, to both functions as Lambda runs them: answered, or at least harmless."""

import json
import random
from typing import Any

import pytest

from tests.forms import PNG
from tests.functions import Function
from tests.fuzz.json_mutator import mutate
from tests.serverless.events import Asked, http_api
from tests.serverless.senders import KINDS, Kind, received

EVENTS = 50
LARGEST = 20_000
ID = "0199a1f0-1234-7abc-8def-0123456789ab"
ARRIVED = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Post", "s3": {"object": {"key": f"direct/a/{ID}"}}}
BODIES = (
    json.dumps({"v": 1, "user_id": "a", "image_id": ID, "content_type": "image/png", "size": 5, "tags": []}),
    json.dumps({"Records": [ARRIVED]}),
    json.dumps({"Event": "s3:TestEvent"}),
    "[" * 1500,
    "",
)


def changed(event: Any, dice: random.Random) -> Any:
    """The event with one to three of its values changed."""

    def noise(data: bytes, most: int) -> bytes:
        at = dice.randrange(len(data) + 1)
        return (data[:at] + dice.randbytes(dice.randint(0, 3)) + data[at + dice.randint(0, 2) :])[:most]

    while True:
        try:
            return json.loads(mutate(json.dumps(event).encode(), LARGEST, dice.randrange(1 << 30), noise))
        except ValueError:
            continue  # its bytes were changed, and it is no JSON any more: Lambda would not hand it over


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_the_service_answers_each(kind: Kind, container: Function) -> None:
    dice = random.Random(str(kind))
    sound = kind.event(
        Asked("POST", "/v1/images", "title=a", (("Content-Type", "image/png"), ("Cookie", "a=1; b=2")), PNG), "alice"
    )
    for _ in range(EVENTS):
        event = changed(sound, dice)
        answer = await container.invoke(event)
        assert isinstance(answer["statusCode"], int), event
        assert answer["statusCode"] < 500, (event, answer)
        assert isinstance(answer["body"], str)
        assert isinstance(answer["isBase64Encoded"], bool)
    asked = http_api(Asked("GET", "/healthz"))
    assert received(asked, await container.invoke(asked)).json == {"status": "ok"}


async def test_the_worker_names_only_messages_of_the_event(worker: Function) -> None:
    """What SQS does not send as it documents fails as a whole, so that nothing is deleted."""
    dice = random.Random(1)
    failures = 0
    for number in range(2 * EVENTS):
        body = BODIES[number % len(BODIES)]
        body = json.dumps(changed(json.loads(body), dice)) if body[:1] == "{" else body
        sound = {
            "messageId": f"m{number}",
            "receiptHandle": "handle",
            "body": body,
            "attributes": {"ApproximateReceiveCount": "1"},
            "eventSource": "aws:sqs",
        }
        record = sound if number % 2 else changed(sound, dice)
        event = {"Records": [record, sound | {"messageId": "other", "body": "x"}]}
        try:
            answer = await worker.invoke(event)
        except RuntimeError:
            assert record != sound, event
            failures += 1
            continue
        assert answer.keys() == {"batchItemFailures"}
        named = [one["itemIdentifier"] for one in answer["batchItemFailures"]]
        assert "other" in named, "a message that cannot be read comes again"
        assert set(named) <= {"other", record["messageId"]}
    assert failures < EVENTS
    assert await worker.invoke({"Records": []}) == {"batchItemFailures": []}
