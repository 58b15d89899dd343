"""Users are told apart: nobody sees, changes or finds out about another's images."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDict
from yarl import URL

from service.settings import Settings
from service.storage import Storage
from service.storage.objects import ORIGINAL, VARIANTS
from tests.api.aws import Aws
from tests.api.records import EMPTY, now_id
from tests.api.stored import Stored
from tests.driver import Answer, Client, drain
from tests.pictures import TINY
from worker.decoder import Decoders

TINY_PNG = TINY["image/png"]


@dataclass(frozen=True)
class Call:
    """One call of the API on the image `{id}`."""

    method: str
    path: str
    status: int = 404
    more: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.path} {' '.join(self.more.get('headers', ()))}"

    async def by(self, client: Client, image_id: str) -> Answer:
        """The answer to this user."""
        return await client.ask(self.method, self.path.format(id=image_id), **self.more)


ONE = "/v1/images/{id}"
JSON = {"json": {"title": "mine", "tags": ["mine"]}}
CALLS = [
    Call("GET", ONE),
    Call("HEAD", ONE),
    Call("GET", ONE, more={"headers": {"Prefer": "wait=25"}}),
    Call("GET", f"{ONE}/content"),
    Call("HEAD", f"{ONE}/content"),
    Call("GET", f"{ONE}/events"),
    Call("HEAD", f"{ONE}/events"),
    Call("GET", f"{ONE}/content?variant=thumb"),
    Call("GET", f"{ONE}/content?redirect=1"),
    Call("GET", f"{ONE}/content", more={"headers": {"If-None-Match": "*"}}),
    Call("GET", f"{ONE}/content", more={"headers": {"Range": "bytes=0-9"}}),
    Call("PATCH", ONE, more=JSON),
    Call("PATCH", ONE, more={**JSON, "headers": {"If-Match": "*"}}),
    Call("PATCH", ONE, more={**JSON, "headers": {"If-Match": '"1"'}}),
    Call("DELETE", ONE, status=204),
]


@pytest.fixture(scope="module")
async def images(owner: Client, photo: Stored) -> dict[str, str]:
    """Ids of the owner: a ready image, and one that stays queued."""
    queued = await owner.upload(TINY_PNG.data, "image/png")
    return {"ready": photo.record["image_id"], "queued": queued.json["image_id"]}


async def said_of(client: Client, image_id: str) -> Any:
    """Everything that the service says of an image, and its bytes."""
    one = await client.get(f"/v1/images/{image_id}")
    content = await client.get(f"/v1/images/{image_id}/content")
    return one.status, one.json, content.status, content.body


@pytest.mark.parametrize("status", ["ready", "queued"])
@pytest.mark.parametrize("call", CALLS, ids=str)
async def test_an_image_of_another_user(
    owner: Client, client: Client, images: dict[str, str], aws: Aws, call: Call, status: str
) -> None:
    """It looks as if it were not there, to the last letter, in no more time, and nothing happens to it."""
    theirs, nobodys = images[status], now_id()
    before, stored = await said_of(owner, theirs), await aws.keys()
    async with asyncio.timeout(15):
        answer, as_if = await call.by(client, theirs), await call.by(client, nobodys)
    assert answer.status == as_if.status == call.status
    assert answer.body.replace(theirs.encode(), b"") == as_if.body.replace(nobodys.encode(), b"")
    assert answer.own_headers == as_if.own_headers
    if answer.body:
        assert answer.code == "image_not_found"
    assert await said_of(owner, theirs) == before
    assert await aws.keys() == stored


async def test_lists_of_another_user(owner: Client, client: Client, images: dict[str, str]) -> None:
    """Whatever the filter."""
    for query in ("", "?status=ready", "?status=queued", "?content_type=image/jpeg", "?order=asc&limit=200"):
        assert (await client.get(f"/v1/images{query}")).json == EMPTY, query
    assert [image["image_id"] for image in (await owner.get("/v1/images")).json["images"]] == [images["ready"]]


async def test_the_same_idempotency_key_of_two_users(client: Client) -> None:
    """It stands for an image of each of them."""
    other = client.as_user(f"{client.user}-other")
    first = await client.upload(TINY_PNG.data, "image/png", Idempotency_Key="key")
    second = await other.upload(TINY_PNG.data, "image/png", Idempotency_Key="key")
    assert (first.status, second.status) == (202, 202)
    assert first.json["image_id"] != second.json["image_id"]
    again = await client.upload(TINY_PNG.data, "image/png", Idempotency_Key="key")
    assert again.json["image_id"] == first.json["image_id"]


EVERYWHERE = [
    ("POST", "/v1/images"),
    ("GET", "/v1/images"),
    ("GET", "/v1/images/{id}"),
    ("HEAD", "/v1/images/{id}"),
    ("PATCH", "/v1/images/{id}"),
    ("DELETE", "/v1/images/{id}"),
    ("GET", "/v1/images/{id}/content"),
    ("GET", "/v1/images/{id}/events"),
    ("GET", "/v1/images/no-id"),
    ("GET", "/v1/images?limit=bad"),
]
NOBODY: dict[str, tuple[list[str], str]] = {
    "missing": ([], "unauthenticated"),
    "twice the same": (["alice", "alice"], "invalid_user_id"),
    "two": (["alice", "bob"], "invalid_user_id"),
    "list": (["alice, bob"], "invalid_user_id"),
    "empty": ([""], "invalid_user_id"),
    "slash": (["alice/bob"], "invalid_user_id"),
    "up": (["../bob"], "invalid_user_id"),
    "dot first": ([".."], "invalid_user_id"),
    "hash": (["idempotency#alice"], "invalid_user_id"),
    "percent": (["alice%2Fbob"], "invalid_user_id"),
    "space": (["alice bob"], "invalid_user_id"),
    "quote": (['"alice"'], "invalid_user_id"),
    "not ASCII": (["älice"], "invalid_user_id"),
    "digit of others": (["٣"], "invalid_user_id"),
    "too long": (["a" * 129], "invalid_user_id"),
}


async def ask_as(client: Client, users: list[str], method: str, path: str) -> Answer:
    """One request with as many headers X-User-Id as `users`."""
    headers = CIMultiDict(("X-User-Id", user) for user in users)
    async with client.session.request(method, client.url + path, headers=headers) as answer:
        return Answer(answer.status, answer.headers, await answer.read())


@pytest.mark.parametrize(("method", "path"), EVERYWHERE)
async def test_every_call_wants_to_know_who_asks(
    client: Client, images: dict[str, str], method: str, path: str
) -> None:
    """Before anything else is looked at."""
    for users in ([], ["owner", "owner"], ["owner", ""]):
        answer = await ask_as(client, users, method, path.format(id=images["ready"]))
        assert answer.status == 401, users
        assert method == "HEAD" or answer.code in ("unauthenticated", "invalid_user_id")


@pytest.mark.parametrize(("users", "code"), NOBODY.values(), ids=NOBODY)
async def test_who_is_nobody(client: Client, users: list[str], code: str) -> None:
    """401, and what is wrong."""
    answer = await ask_as(client, users, "GET", "/v1/images")
    assert (answer.status, answer.code) == (401, code)


async def test_operations_ask_nobody(client: Client) -> None:
    """Balancers have no user."""
    for path in ("/healthz", "/readyz"):
        assert (await ask_as(client, [], "GET", path)).status == 200


PECULIAR = [
    *(f"a{character}{character}b{character}" for character in "._@+=:|-"),
    "Z9._@+=:|-._@+=:|-",
    "a@b.example|c=d+e:f",
    "A",
    "a",
    "0" * 128,
]


async def test_peculiar_user_ids_all_the_way(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, aws: Aws
) -> None:
    """Every character that a user id may have, in upload, list, content, redirect and delete; and no two mix."""
    users = [client.as_user(user) for user in PECULIAR]
    receipts = [(await user.upload(TINY_PNG.data, "image/png")).json for user in users]
    for user, receipt in zip(users, receipts, strict=True):
        assert (await user.get(receipt["links"]["self"])).json == receipt
        assert (await user.get("/v1/images?status=queued")).json["images"] == [receipt], user.user
    await drain(settings, storage, decoders)
    stored = set(await aws.keys())
    for user, receipt in zip(users, receipts, strict=True):
        path, image_id = receipt["links"]["self"], receipt["image_id"]
        record = (await user.get(path)).json
        assert (record["status"], record["image_id"]) == ("ready", image_id), user.user
        assert (await user.get("/v1/images")).json["images"] == [record]
        names = {f"images/{user.user}/{image_id}/{name}" for name in (ORIGINAL, *VARIANTS)}
        assert {key for key in stored if image_id in key} == names
        assert [item["image_id"]["S"] for item in await aws.items(user.user)] == [image_id]
        assert (await user.get(f"{path}/content")).body == TINY_PNG.data
        location = (await user.get(f"{path}/content?redirect=1")).headers["Location"]
        async with aiohttp.ClientSession() as plain, plain.get(URL(location, encoded=True)) as direct:
            assert (direct.status, await direct.read()) == (200, TINY_PNG.data), location
        assert (await user.ask("PATCH", path, json={"title": user.user})).json["title"] == user.user
        assert (await user.ask("DELETE", path)).status == 204
        assert (await user.get(path)).status == 404
    left = set(await aws.keys())
    assert [key for key in left for receipt in receipts if receipt["image_id"] in key] == []
