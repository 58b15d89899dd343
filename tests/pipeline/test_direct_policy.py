"""What S3 itself holds a direct upload to. This local AWS checks signatures, policies and CORS, as AWS does."""

import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.images import new_image_id
from service.settings import Settings
from service.storage import Storage, open_storage
from service.storage.provision import provision
from tests import local_aws
from tests.backstage import Backstage, drain, until
from tests.conftest import settings_at
from tests.direct import arrive, form_for, only_image, path_of, post
from tests.driver import Client, client_of
from tests.outside import Outside, outside_of
from tests.pictures import MOST_BYTES, exactly, jpeg_progressive
from worker.decoder import Decoders

DATA = jpeg_progressive().data
OVER = DATA.ljust(MOST_BYTES + 1, b"\0")
PAGE = "https://photos.example.org"
Changes = Callable[[Any], dict[str, str | None]]


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, scrubbed_environment: None) -> Iterator[str]:
    """Where such an AWS is."""
    log = tmp_path_factory.mktemp("aws") / "log"
    with local_aws.running(local_aws.free_port(), log, "s3,sqs,dynamodb,iam,sts", AUTH="true") as url:
        yield url


@pytest.fixture(scope="module")
async def settings(strict: str) -> Settings:
    """Provisioned there; without the right queue policy S3 could tell nobody of anything."""
    made = settings_at(strict)
    await provision(made)
    return made


@pytest.fixture(scope="module")
async def storage(settings: Settings) -> AsyncIterator[Storage]:
    async with open_storage(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
async def outside(settings: Settings) -> AsyncIterator[Outside]:
    async with outside_of(settings) as look:
        yield look


def _policy_with(given: Any, **changes: Any) -> str:
    policy = json.loads(base64.b64decode(given["fields"]["policy"]))
    return base64.b64encode(json.dumps(policy | changes).encode()).decode()


def _other_key(given: Any) -> str:
    return str(given["fields"]["key"]).replace(given["image_id"], new_image_id())


def _other_user(given: Any) -> str:
    return f"direct/mallory/{given['image_id']}"


def _credential_of(given: Any, who: str) -> str:
    return "/".join((who, *given["fields"]["x-amz-credential"].split("/")[1:]))


ALTERED: dict[str, tuple[str, Changes]] = {
    "other_content_type": ("AccessDenied", lambda _: {"Content-Type": "image/svg+xml"}),
    "other_content_type_taken_here": ("AccessDenied", lambda _: {"Content-Type": "image/png"}),
    "no_content_type": ("AccessDenied", lambda _: {"Content-Type": None}),
    "other_image": ("AccessDenied", lambda given: {"key": _other_key(given)}),
    "other_user": ("AccessDenied", lambda given: {"key": _other_user(given)}),
    "past_the_worker": ("AccessDenied", lambda given: {"key": f"images/mallory/{given['image_id']}/original"}),
    "key_in_a_file_name": ("AccessDenied", lambda _: {"key": "direct/${filename}"}),
    "no_key": ("InvalidArgument", lambda _: {"key": None}),
    "other_metadata": ("AccessDenied", lambda _: {"x-amz-meta-upload": "e30="}),
    "no_metadata": ("AccessDenied", lambda _: {"x-amz-meta-upload": None}),
    "more_metadata": ("AccessDenied", lambda _: {"x-amz-meta-more": "x"}),
    "public": ("AccessDenied", lambda _: {"acl": "public-read"}),
    "redirect": ("AccessDenied", lambda _: {"success_action_redirect": PAGE}),
    "cache_control": ("AccessDenied", lambda _: {"Cache-Control": "public"}),
    "policy_for_longer": (
        "SignatureDoesNotMatch",
        lambda given: {"policy": _policy_with(given, expiration="2099-01-01T00:00:00Z")},
    ),
    "policy_for_anything": ("SignatureDoesNotMatch", lambda given: {"policy": _policy_with(given, conditions=[])}),
    "no_policy": ("InvalidArgument", lambda _: {"policy": None}),
    "other_signature": ("SignatureDoesNotMatch", lambda _: {"x-amz-signature": "0" * 64}),
    "no_signature": ("InvalidArgument", lambda _: {"x-amz-signature": None}),
    "somebody_else": ("InvalidAccessKeyId", lambda given: {"x-amz-credential": _credential_of(given, "AKIAMALLORY")}),
}


@pytest.mark.parametrize("name", ALTERED)
async def test_a_form_can_only_be_used_as_it_is(
    name: str, client: Client, backstage: Backstage, outside: Outside
) -> None:
    """Nothing comes of one that was changed; untouched it still works."""
    code, changes = ALTERED[name]
    given, before = await form_for(client), await outside.everything()
    assert await post(client, given, DATA, changes(given)) == code
    assert await outside.everything() == before
    await arrive(client, backstage, given, DATA)
    assert (await client.get(path_of(given))).json["status"] == "queued"


SIZES: dict[str, tuple[dict[str, Any], bytes, str]] = {
    "over_5_mb": ({}, OVER, "EntityTooLarge"),
    "empty": ({}, b"", "EntityTooSmall"),
    "one_byte_more": ({"size": len(DATA)}, DATA + b"\0", "EntityTooLarge"),
    "one_byte_less": ({"size": len(DATA)}, DATA[:-1], "EntityTooSmall"),
    "empty_though_declared": ({"size": 1}, b"", "EntityTooSmall"),
}


@pytest.mark.parametrize("name", SIZES)
async def test_a_file_of_another_size_is_not_taken(name: str, client: Client, outside: Outside) -> None:
    """Not a byte over 5 MB; and no other size than the one that the client gave."""
    members, data, code = SIZES[name]
    given, before = await form_for(client, **members), await outside.everything()
    assert given["max_size"] == members.get("size", 5_242_880)
    assert await post(client, given, data) == code
    assert await outside.everything() == before


async def test_5_mb_to_the_byte(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """All the way, by credentials and policies that are checked everywhere; with and without a declared size."""
    await drain(settings, storage, decoders)
    for size in (None, MOST_BYTES):
        other = client.as_user(f"{client.user}-{size}")
        given = await form_for(other, "image/png", size=size)
        await arrive(other, backstage, given, exactly(MOST_BYTES).data)
        await drain(settings, storage, decoders)
        await only_image(other, backstage, given, exactly(MOST_BYTES).data)


async def test_a_form_ends(client: Client, settings: Settings) -> None:
    """At the time that it names, which S3 counts in whole seconds."""
    async with client_of(replace(settings, presign_seconds=2), client.user) as hasty:
        given = await form_for(hasty)

        async def refused() -> str | None:
            return await post(hasty, given, DATA)

        assert await until(refused, pause=0.2) == "AccessDenied"
        assert datetime.now(UTC) > datetime.fromisoformat(given["expires_at"]) - timedelta(seconds=1)


async def preflight(client: Client, url: str, method: str) -> Any:
    """A browser's question before a page of another origin uses the bucket: what it may do."""
    headers = {
        "Origin": PAGE,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "content-type,x-requested-with",
    }
    async with client.session.options(url, headers=headers) as answer:
        return answer.status, answer.headers.get("Access-Control-Allow-Origin")


async def test_a_page_of_another_origin_may_post_the_form(client: Client) -> None:
    """Browsers ask the bucket's CORS rules first; nothing else that would change the bucket is allowed to them."""
    given = await form_for(client)
    status, origin = await preflight(client, given["url"], "POST")
    assert (status, origin in ("*", PAGE)) == (200, True)
    for method in ("PUT", "DELETE"):
        assert (await preflight(client, given["url"], method))[0] == 403
    for name, text in given["fields"].items():
        assert text.isascii(), name
