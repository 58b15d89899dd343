"""Direct uploads as their clients make them: a form is asked for, and posted straight to S3."""

import hashlib
import json
import re
from collections.abc import Mapping
from io import BytesIO
from typing import Any
from urllib.parse import quote_plus

from tests.backstage import Backstage, until, whole
from tests.driver import Answer, Client
from tests.forms import FORM, file_part, form, word_part

FORMS = "/v1/uploads"
CODE = re.compile(rb"<Code>(\w+)</Code>")


async def ask(client: Client, body: Any, content_type: str = "application/json", **headers: str) -> Answer:
    """Ask for a form with this body, as JSON if it is no bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await client.upload(data, content_type, FORMS, **headers)


async def form_for(client: Client, content_type: str = "image/jpeg", **members: Any) -> Any:
    """What `POST /v1/uploads` answers to a body with these members."""
    answer = await ask(client, {"content_type": content_type, **members})
    assert answer.status == 201, answer
    return answer.json


async def post(client: Client, given: Any, data: bytes, changes: Mapping[str, str | None] | None = None) -> str | None:
    """Post a file with the form; None when S3 takes it, else S3's own code.

    :param changes: other values of fields, as a client sends them that wants more than it was given; None for no field.
    """
    fields = {name: text for name, text in (given["fields"] | dict(changes or {})).items() if text is not None}
    body = form(*(word_part(*field) for field in fields.items()), file_part(data, None, 'filename="a.png"'))
    async with client.session.post(given["url"], data=BytesIO(body), headers={"Content-Type": FORM}) as answer:
        text = await answer.read()
        if answer.status == 204:
            return None
        found = CODE.search(text)
        assert found, (answer.status, text)
        return found[1].decode()


async def arrive(client: Client, backstage: Backstage, given: Any, data: bytes) -> None:
    """Post a file with the form, and wait until S3 has told the queue of it."""
    before = await backstage.messages()
    assert await post(client, given, data) is None

    async def told() -> bool:
        return await backstage.messages() > before

    await until(told)


def path_of(given: Any) -> str:
    """Where the form's image will be."""
    return str(given["links"]["self"])


def key_of(given: Any) -> str:
    """Where in the bucket the form's file goes to."""
    return str(given["fields"]["key"])


def event(*keys: str, name: str = "ObjectCreated:Post", bucket: str = "image-bucket") -> str:
    """A notification of S3's, as it arrives on a queue; with one record for each of these keys."""
    return json.dumps({"Records": [_record(key, name, bucket) for key in keys]})


def _record(key: str, name: str, bucket: str) -> dict[str, Any]:
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-01-31T12:00:00.000Z",
        "eventName": name,
        "userIdentity": {"principalId": "AWS:AIDAEXAMPLE"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "cloud-images-direct",
            "bucket": {"name": bucket, "ownerIdentity": {"principalId": "A3"}, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {"key": quote_plus(key, safe="/"), "size": 1024, "eTag": "d41d8cd98f00b204e9800998ecf8427e"},
        },
    }


async def only_image(client: Client, backstage: Backstage, given: Any, data: bytes) -> None:
    """Check that the user has one image, which is ready and of these bytes, and that nothing else is left anywhere."""
    record = (await client.get(path_of(given))).json
    assert (record["status"], record["sha256"]) == ("ready", hashlib.sha256(data).hexdigest())
    assert (await client.get(record["links"]["content"])).body == data
    assert (await client.get("/v1/images")).json["images"] == [record]
    assert await backstage.keys_of(client.user) == whole(record["image_id"])
    await at_rest(backstage)


async def no_image(client: Client, backstage: Backstage, given: Any) -> None:
    """Check that the form's image is not there, and that nothing is left of it."""
    assert (await client.get(path_of(given))).status == 404
    for listed in ("/v1/images", "/v1/images?status=queued"):
        assert (await client.get(listed)).json["images"] == []
    assert await backstage.keys_of(client.user) == set()
    await at_rest(backstage)


async def at_rest(backstage: Backstage) -> None:
    """Check that nothing waits in the queue, and that there are no dead letters."""
    assert (await backstage.messages(), await backstage.dead_letters()) == (0, [])
