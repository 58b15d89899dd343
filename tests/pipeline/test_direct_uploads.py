"""A file that its client posts straight to S3 becomes the same image as one that comes over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import pytest

from service.settings import Settings
from service.storage import Storage
from tests import verdicts
from tests.backstage import Backstage, drain, final, whole, working
from tests.bad_pictures import FOREIGN, Bad
from tests.direct import arrive, at_rest, form_for, key_of, no_image, only_image, path_of, post
from tests.driver import Client, client_of
from tests.pictures import SOUND, Picture, jpeg, jpeg_progressive
from worker.decoder import Decoders

AT_ONCE = 8
ITS_OWN = {"image_id", "created_at", "updated_at", "links"}
"""What no two images have in common."""
WORDS: dict[str, Any] = {"filename": 'höhe "山" <b>.png', "title": "Über den Größen 🏞", "tags": ["sea", "höhe 山"]}
USERS = ("0._@+=:|-", "alice+photos@example.org", "auth0|5f7c8ec7c33c6c004bbafe82", "a=b:c|d", "Ab" * 64)
JUDGED: dict[str, tuple[Bad, str]] = {
    # S3 itself refuses what is empty, and the form what is declared as something foreign.
    **{name: one for name, one in verdicts.AT_ONCE.items() if name not in FOREIGN and name != "empty"},
    **{name: (picture, "corrupt_image") for name, picture in verdicts.LATER.items()},
}


@dataclass(frozen=True)
class Compared:
    """Records by the names of pictures, of both ways to upload them, and the bytes kept of the bad ones."""

    by_http: dict[str, Any] = field(default_factory=dict)
    direct: dict[str, Any] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
async def compared(
    settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> AsyncIterator[Compared]:
    """All sound pictures uploaded in both ways, the bad ones directly, and the queue drained once."""
    async with client_of(settings, "by-http") as client:
        made, places, query = Compared(), asyncio.Semaphore(AT_ONCE), urlencode(WORDS, doseq=True)
        straight, worse = client.as_user("direct"), client.as_user("worse")
        paths: list[tuple[Client, dict[str, Any], str, str]] = []

        async def upload(one: Picture) -> None:
            async with places:
                answer = await client.upload(BytesIO(one.data), one.content_type, f"/v1/images?{query}")
                paths.append((client, made.by_http, one.name, answer.headers["Location"]))

        async def send(user: Client, one: Picture | Bad) -> None:
            async with places:
                given = await form_for(user, one.content_type, **WORDS)
                assert await post(user, given, one.data) is None
                paths.append((user, made.direct, one.name, path_of(given)))

        ways = *map(upload, SOUND), *(send(straight, one) for one in SOUND)
        await asyncio.gather(*ways, *(send(worse, one) for one, _ in JUDGED.values()))
        async with working(settings, storage, decoders):
            for user, records, name, path in paths:
                records[name] = await final(user, path.rpartition("/")[2])
        made.kept.update(await backstage.keys_of("worse"))
        yield made


def comparable(record: Any) -> Any:
    """What the same bytes and words give, whichever image they are."""
    variants = {name: {**one, "url": None} for name, one in record["variants"].items()}
    return {name: one for name, one in record.items() if name not in ITS_OWN} | {"variants": variants}


@pytest.mark.parametrize("picture", SOUND, ids=str)
async def test_the_same_record_as_over_http(picture: Picture, compared: Compared) -> None:
    """For every format, with every field."""
    record = compared.direct[picture.name]
    assert record["status"] == "ready"
    assert comparable(record) == comparable(compared.by_http[picture.name])
    assert {name: record[name] for name in WORDS} == WORDS


@pytest.mark.parametrize("name", JUDGED)
async def test_the_same_verdict_as_over_http(name: str, compared: Compared) -> None:
    """A file that breaks the rules is rejected with the same code, and its bytes are gone."""
    record, (picture, code) = compared.direct[name], JUDGED[name]
    assert (record["status"], record["reason"] and record["reason"]["code"]) == ("rejected", code)
    assert (record["size"], len(record["sha256"])) == (len(picture.data), 64)
    assert not [key for key in compared.kept if record["image_id"] in key]


@pytest.mark.parametrize("user", USERS)
async def test_every_user_id(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage, user: str
) -> None:
    """S3's notifications spell some characters otherwise; the image is found by its owner, and by nobody else."""
    owner = client.as_user(user)
    given = await form_for(owner)
    await arrive(owner, backstage, given, jpeg().data)
    assert (await owner.get(path_of(given))).json["status"] == "queued"
    assert (await client.get(path_of(given))).status == 404
    await drain(settings, storage, decoders)
    await only_image(owner, backstage, given, jpeg().data)
    assert (await client.get(path_of(given))).status == 404
    assert (await owner.ask("DELETE", path_of(given))).status == 204
    await no_image(owner, backstage, given)


async def test_its_status_as_its_owner_sees_it(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """404 before the file is there; then `queued`, as far as S3 itself knows the file; then `ready`."""
    given = await form_for(client, **WORDS)
    path = path_of(given)
    waiting = asyncio.create_task(client.get(path, Prefer="wait=25"))
    assert (await asyncio.wait_for(waiting, 15)).code == "image_not_found"
    await arrive(client, backstage, given, jpeg().data)
    receipt = (await client.get(path)).json
    unknown = dict.fromkeys(("sha256", "width", "height", "frames", "placeholder", "reason"))
    known = {"status": "queued", "size": len(jpeg().data), "content_type": "image/jpeg", "version": 0, **WORDS}
    assert {name: receipt[name] for name in (*unknown, *known)} == unknown | known
    assert (await client.get("/v1/images?status=queued")).json["images"] == [receipt]
    assert (await client.get("/v1/images")).json["images"] == []
    refused = await client.get(f"{path}/content")
    assert (refused.status, refused.code) == (409, "image_not_ready")
    waiting = asyncio.create_task(client.get(path, Prefer="wait=25"))
    await drain(settings, storage, decoders)
    record = (await asyncio.wait_for(waiting, 15)).json
    assert (record["status"], record["created_at"]) == ("ready", receipt["created_at"])
    assert (await client.get("/v1/images?status=queued")).json["images"] == []
    assert (await client.ask("PATCH", path, json={"title": "Later"})).json["title"] == "Later"


async def test_two_at_once_are_two_images(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """Each has an id of its own; one that nobody posts is none."""
    first, second, never = [await form_for(client) for _ in range(3)]
    await asyncio.gather(post(client, first, jpeg().data), post(client, second, jpeg_progressive().data))
    async with working(settings, storage, decoders):
        records = [await final(client, given["image_id"]) for given in (first, second)]
    assert [record["status"] for record in records] == ["ready", "ready"]
    assert records[0]["sha256"] != records[1]["sha256"]
    assert (await client.get(path_of(never))).status == 404
    assert await backstage.keys_of(client.user) == whole(first["image_id"]) | whole(second["image_id"])
    await at_rest(backstage)


async def test_without_its_metadata(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """Someone with rights of their own in AWS put it there: the words are lost, the picture is not."""
    given = await form_for(client, **WORDS)
    await backstage.s3.put_object(
        Bucket=settings.bucket,
        Key=key_of(given),
        Body=jpeg().data,
        ContentType="image/jpeg",
        Metadata={"upload": "e30="},
    )
    async with working(settings, storage, decoders):
        record = await final(client, given["image_id"])
    assert (record["status"], record["title"], record["tags"]) == ("ready", None, [])
    await only_image(client, backstage, given, jpeg().data)
