"""The template and the zips as users deploy them, on a local AWS that runs the functions, driven from outside."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import aiohttp
import pytest

from tests.backstage import until
from tests.bad_requests import BAD_EDITS, BAD_IDS, BAD_LISTS, BAD_QUERIES, BAD_WORDS
from tests.deployment import Deployment, deployed, packaged
from tests.direct import form_for, path_of, post
from tests.driver import Answer, Client
from tests.forms import BAD_FORMS, FORM, PNG, file_part, form, word_part
from tests.issuer import AUDIENCE, issuing
from tests.pictures import exactly, jpeg, noise
from tests.verdicts import AT_ONCE
from tests.wire import problem

POISON = "this is no message of ours"
DIRECT_UPLOAD_FROM = 4_600_000
REFUSED = re.compile("403 Forbidden|AccessDenied|Traceback")


@pytest.fixture(scope="module")
async def zips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both functions."""
    return await packaged(tmp_path_factory.mktemp("zips"))


@pytest.fixture(scope="module")
async def deployment(tmp_path_factory: pytest.TempPathFactory, zips: Path) -> AsyncIterator[Deployment]:
    """The stack, with roles in force; what fails is tried again at once, so that nobody waits for dead letters."""
    async with deployed(tmp_path_factory.mktemp("stack"), zips) as made:
        # S3 has said that notifications are on; a function that is changed under a message loses hold of it.
        await idle(made)
        async with made.client("lambda") as functions:
            name = made.outputs["WorkerFunctionName"]
            config = await functions.get_function_configuration(FunctionName=name)
            variables = config["Environment"]["Variables"] | {"RETRY_SECONDS": "0", "SWEEP_AFTER_SECONDS": "0"}
            await functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
        yield made


@asynccontextmanager
async def client_of(deployment: Deployment, user: str) -> AsyncIterator[Client]:
    """A user of the deployed API."""
    async with aiohttp.ClientSession() as session:
        yield Client(session, deployment.url, user)


@pytest.fixture
async def client(deployment: Deployment, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    """A user of the deployed API whom no other test has."""
    async with client_of(deployment, f"user-{request.node.name}"[:100].replace("[", "-").replace("]", "")) as made:
        yield made


async def ready(client: Client, path: str) -> Any:
    """The record, as soon as there is one."""

    async def settled() -> Any:
        answer = await client.get(path, Prefer="wait=10")
        assert answer.status == 200, answer
        return answer.json if answer.json["status"] != "queued" else None

    return await until(settled)


async def keys(deployment: Deployment, user: str) -> list[str]:
    """What the bucket keeps of a user."""
    async with deployment.client("s3") as s3:
        listed = await s3.list_objects_v2(Bucket=deployment.outputs["BucketName"])
    return [one["Key"] for one in listed.get("Contents", ()) if f"/{user}/" in one["Key"]]


async def waiting(deployment: Deployment, queue: str = "QueueUrl") -> int:
    """How many messages a queue has."""
    names = [f"ApproximateNumberOfMessages{part}" for part in ("", "NotVisible", "Delayed")]
    async with deployment.client("sqs") as sqs:
        answer = await sqs.get_queue_attributes(QueueUrl=deployment.outputs[queue], AttributeNames=names)
    return sum(map(int, answer["Attributes"].values()))


async def idle(deployment: Deployment) -> None:
    """Wait until no message is left, also none whose image is ready but which has not been deleted yet."""

    async def empty() -> bool:
        return not await waiting(deployment)

    await until(empty, 0.1)


async def test_the_life_of_an_image(client: Client, deployment: Deployment) -> None:
    """Uploaded, ready, listed, edited, downloaded, deleted: byte by byte what went in."""
    photo = jpeg()
    for path in ("/healthz", "/readyz"):
        assert (await client.get(path)).status == 200
    accepted = await client.upload(photo.data, path="/v1/images?title=Launch&tags=sea%20shore&tags=sky")
    assert accepted.status == 202, accepted
    assert accepted.json["direct_upload_from"] == DIRECT_UPLOAD_FROM
    path = accepted.headers["Location"]
    record = await ready(client, path)
    assert (record["status"], record["title"], record["tags"]) == ("ready", "Launch", ["sea shore", "sky"])
    assert (await client.get("/v1/images?tag=sea+shore&limit=5")).json["images"] == [record]

    whole = await client.get(f"{path}/content")
    assert (whole.body, whole.headers["Content-Type"]) == (photo.data, "image/jpeg")
    assert (await client.get(f"{path}/content", If_None_Match=whole.headers["ETag"])).status == 304
    part = await client.get(f"{path}/content", Range="bytes=2-5")
    assert (part.status, part.body) == (206, photo.data[2:6])
    for name, variant in record["variants"].items():
        assert len((await client.get(variant["url"])).body) == variant["size"], name

    edited = await client.ask("PATCH", path, json={"title": "Größe"}, headers={"If-Match": '"1"'})
    assert (edited.status, edited.json["title"]) == (200, "Größe")
    assert problem(await client.as_user("another").get(path)) == (404, "image_not_found")
    assert (await client.ask("DELETE", path)).status == 204
    assert problem(await client.get(path)) == (404, "image_not_found")
    assert await keys(deployment, client.user) == []


async def test_a_form_and_a_client_that_waits(client: Client) -> None:
    """`Prefer: wait` is answered with the record once the other function has written it."""
    body = form(word_part("title", "Rocket"), file_part(PNG))

    async def ready_in_time() -> Answer | None:
        accepted = await client.upload(BytesIO(body), FORM, Prefer="wait=15")
        # A function that has just been started may take longer than that on a busy machine.
        assert accepted.status in (201, 202), accepted
        return accepted if accepted.status == 201 else None

    accepted = await until(ready_in_time)
    assert (accepted.json["status"], accepted.json["title"]) == ("ready", "Rocket")


async def test_the_400_table(client: Client, deployment: Deployment) -> None:
    """Each refusal of a file, a form, a word or a parameter, by its code; nothing of any is kept."""
    await idle(deployment)
    wrong: dict[str, object] = {}

    async def refused(name: str, code: str, asking: Any) -> None:
        answer = await asking
        if (answer.status, answer.json.get("code")) != (400, code):
            wrong[name] = (answer, code)

    for name, (picture, code) in AT_ONCE.items():
        await refused(name, code, client.upload(BytesIO(picture.data), picture.content_type))
    for bad_form in BAD_FORMS:
        await refused(str(bad_form), bad_form.code, client.upload(BytesIO(bad_form.body), FORM))
    for name, (code, words) in BAD_WORDS.items():
        await refused(name, code, client.upload(PNG, "image/png", f"/v1/images?{urlencode(words)}"))
    for name, (code, query) in BAD_QUERIES.items():
        await refused(name, code, client.upload(PNG, "image/png", f"/v1/images?{query}"))
    for name, (code, query) in BAD_LISTS.items():
        await refused(name, code, client.get(f"/v1/images?{query}"))
    for image_id in BAD_IDS:
        if "%" in image_id:
            continue  # a gateway hands it over decoded, and then it may be another path
        await refused(image_id, "invalid_image_id", client.get(f"/v1/images/{image_id}"))
    path = "/v1/images/01890a5d-ac96-774b-bcce-b302099a8057"
    for name, (code, edit) in BAD_EDITS.items():
        if name == "not_utf8":
            continue  # this gateway makes text of it
        asking = client.ask("PATCH", path, data=edit, headers={"Content-Type": "application/json"})
        await refused(name, code, asking)
    assert wrong == {}
    assert await keys(deployment, client.user) == []
    assert await waiting(deployment) == 0


async def test_a_direct_upload(client: Client, deployment: Deployment) -> None:
    """Past the functions into S3, checked by the worker, downloaded past the functions again."""
    large = exactly(5 * 1024 * 1024)
    given = await form_for(client, large.content_type, title="Large")
    assert problem(await client.get(path_of(given))) == (404, "image_not_found")
    assert await post(client, given, large.data + b"\0") == "EntityTooLarge"
    assert await post(client, given, large.data) is None
    record = await ready(client, path_of(given))
    assert (record["status"], record["size"], record["title"]) == ("ready", len(large.data), "Large")
    elsewhere = await client.get(record["links"]["content"])
    assert elsewhere.status == 302
    async with aiohttp.ClientSession() as session, session.get(elsewhere.headers["Location"]) as answer:
        assert await answer.read() == large.data


async def test_a_direct_upload_that_breaks_the_rules(client: Client, deployment: Deployment) -> None:
    """Rejected, with its reason and without its bytes."""
    given = await form_for(client, "image/jpeg")
    assert await post(client, given, b"\xff\xd8\xff<html>" + noise(2000)) is None
    record = await ready(client, path_of(given))
    assert (record["status"], record["reason"]["code"]) == ("rejected", "invalid_image")
    assert await keys(deployment, client.user) == []


async def test_poison_among_good_messages(client: Client, deployment: Deployment) -> None:
    """It becomes a dead letter; what came in the same batch becomes images."""
    async with deployment.client("sqs") as sqs:
        paths = []
        for _ in range(3):
            await sqs.send_message(QueueUrl=deployment.outputs["QueueUrl"], MessageBody=POISON)
            paths.append((await client.upload(PNG, "image/png")).headers["Location"])
        for path in paths:
            assert (await ready(client, path))["status"] == "ready"

        async def dead() -> bool:
            return await waiting(deployment, "DeadLetterQueueUrl") == 3 and await waiting(deployment) == 0

        await until(dead, 0.2)
        url = deployment.outputs["DeadLetterQueueUrl"]
        letters = await sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    assert {letter["Body"] for letter in letters["Messages"]} == {POISON}


async def test_tokens_tell_who_is_asking(zips: Path, tmp_path: Path) -> None:
    """Behind a JWT authorizer it is the token's claim that counts; nobody becomes another by a header."""
    async with issuing() as issuer:
        stack: dict[str, Any] = {
            "TrustUserHeader": "false",
            "JwtIssuer": issuer.url,
            "JwtAudience": AUDIENCE,
            "UserClaim": "email",
        }
        async with deployed(tmp_path, zips, **stack) as made, client_of(made, "mallory") as client:
            path = (await _as(client, issuer.token(email="alice@example.org"), "POST", "/v1/images")).headers[
                "Location"
            ]
            assert (await _as(client, issuer.token(email="alice@example.org"), "GET", path)).status == 200
            bob = await _as(client, issuer.token(email="bob@example.org"), "GET", path)
            assert problem(bob) == (404, "image_not_found")
            nobody = await _as(client, issuer.token(sub="alice@example.org"), "GET", path)
            assert problem(nobody) == (401, "unauthenticated")
            for token in (None, "rubbish", issuer.token(email="alice@example.org", aud="others")):
                assert (await _as(client, token, "GET", path)).status == 401
            assert (await client.get("/healthz")).status == 200
            for path in ("/", "/docs", "/openapi.json", "/healthz", "/readyz"):
                assert (await client.ask("HEAD", path)).status == 200, path
            page = await client.get("/")
            assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
            script = re.search(r'src="([^"]+/app.js)"', page.body.decode())
            assert script
            # Behind a stage it begins with that, which the client's address has as well.
            path = urljoin("/", script[1]).removeprefix(urlsplit(made.url).path)
            assert (await client.get(path)).body.startswith(b"//")
            assert (await client.ask("HEAD", path)).status == 200


async def _as(client: Client, token: str | None, method: str, path: str) -> Answer:
    """Ask with a token, as a client that says that it is alice in a header, too."""
    headers = {"X-User-Id": "alice@example.org", "Content-Type": "image/png"}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    return await client.ask(method, path, headers=headers, data=PNG if method == "POST" else None)


async def test_the_schedule_lets_the_worker_sweep(client: Client, deployment: Deployment) -> None:
    """By what its rule says, and with the rights of its role: a variant that was lost is there again."""
    path = (await client.upload(PNG, "image/png")).headers["Location"]
    record = await ready(client, path)
    await idle(deployment)
    (thumb,) = [key for key in await keys(deployment, client.user) if key.endswith("/thumb")]
    async with (
        deployment.client("s3") as s3,
        deployment.client("events") as events,
        deployment.client("lambda") as functions,
    ):
        await s3.delete_object(Bucket=deployment.outputs["BucketName"], Key=thumb)
        (rule,) = (await events.list_rules())["Rules"]
        assert rule["State"] == "ENABLED"
        (target,) = (await events.list_targets_by_rule(Rule=rule["Name"]))["Targets"]
        answer = await functions.invoke(FunctionName=target["Arn"], Payload=target["Input"])
        report = json.loads(await answer["Payload"].read())
    assert report["repaired"] == {"record_without_variants": 1}, report
    assert set(report["looked_at"]) == {"staged", "direct", "images", "records", "reservations"}
    await idle(deployment)
    assert thumb in await keys(deployment, client.user)
    assert await ready(client, path) == record
    assert [line for line in await deployment.logs("WorkerFunction") if REFUSED.search(line)] == []


async def test_functions_hold_to_their_roles(client: Client, deployment: Deployment) -> None:
    """No function is refused what it needs; and it is refused what its role does not name."""
    path = (await client.upload(PNG, "image/png")).headers["Location"]
    given = await form_for(client, "image/png")
    assert await post(client, given, PNG) is None
    for one in (path, path_of(given)):
        assert (await ready(client, one))["status"] == "ready"
        assert (await client.ask("DELETE", one)).status == 204
    for function in ("ServiceFunction", "WorkerFunction"):
        lines = await deployment.logs(function)
        assert lines or function == "ServiceFunction"
        assert [line for line in lines if REFUSED.search(line)] == []
    async with deployment.without(("s3:PutObject",)):
        assert problem(await client.upload(PNG, "image/png")) == (503, "s3_unavailable")
    assert [line for line in await deployment.logs("ServiceFunction") if REFUSED.search(line)]
