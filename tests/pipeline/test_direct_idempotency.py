"""The same `Idempotency-Key` gives a form for the same image, as long as there is none yet."""

from service.settings import Settings
from service.storage import Storage
from tests.backstage import Backstage, drain
from tests.bad_pictures import ONLY_DECODING_TELLS
from tests.direct import arrive, ask, key_of, only_image, path_of
from tests.driver import Client
from tests.pictures import jpeg
from worker.decoder import Decoders

KEY = "holiday/2026#1"
GOOD = {"content_type": "image/jpeg"}


async def test_the_same_key_is_the_same_image(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """A usable form as long as there is no image; then 200 and its record; 409 once it is deleted."""
    await drain(settings, storage, decoders)
    body = GOOD | {"title": "Rocket", "tags": ["sky", "sea"]}
    first, again = [(await ask(client, body, Idempotency_Key=KEY)) for _ in range(2)]
    assert (first.status, again.status) == (201, 201)
    assert path_of(first.json) == path_of(again.json)
    assert key_of(first.json) == key_of(again.json)
    others = (
        {"title": "Other"},
        {"tags": ["sea", "sky"]},
        {"filename": "a"},
        {"size": 5},
        {"content_type": "image/png"},
    )
    for other in others:
        refused = await ask(client, body | other, Idempotency_Key=KEY)
        assert (refused.status, refused.code) == (409, "idempotency_key_reused"), other
    stranger = await ask(client.as_user(f"{client.user}-2"), body, Idempotency_Key=KEY)
    assert stranger.json["image_id"] != first.json["image_id"]
    await arrive(client, backstage, again.json, jpeg().data)
    queued = await ask(client, body, Idempotency_Key=KEY)
    assert (queued.status, path_of(queued.json)) == (201, path_of(first.json))
    await drain(settings, storage, decoders)
    ready = await ask(client, body, Idempotency_Key=KEY)
    assert (ready.status, ready.headers["Location"]) == (200, path_of(first.json))
    assert ready.json == (await client.get(path_of(first.json))).json
    assert (ready.json["status"], ready.json["title"]) == ("ready", "Rocket")
    await only_image(client, backstage, first.json, jpeg().data)
    assert (await client.ask("DELETE", path_of(first.json))).status == 204
    gone = await ask(client, body, Idempotency_Key=KEY)
    assert (gone.status, gone.code) == (409, "image_deleted")


async def test_a_key_of_an_upload_over_http_is_no_key_of_a_form(client: Client) -> None:
    """Nobody can say yet whether the bytes are the same."""
    assert (await client.upload(jpeg().data, Idempotency_Key=KEY)).status == 202
    refused = await ask(client, GOOD, Idempotency_Key=KEY)
    assert (refused.status, refused.code) == (409, "idempotency_key_reused")


async def test_a_rejection_stays_a_rejection(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """The same request again tells of it, rather than giving another form."""
    bad = ONLY_DECODING_TELLS["png_pixels_cut"]
    first = await ask(client, {"content_type": bad.content_type}, Idempotency_Key=KEY)
    await arrive(client, backstage, first.json, bad.data)
    await drain(settings, storage, decoders)
    again = await ask(client, {"content_type": bad.content_type}, Idempotency_Key=KEY)
    assert (again.status, again.json["image_id"]) == (200, first.json["image_id"])
    assert (again.json["status"], again.json["reason"]["code"]) == ("rejected", "corrupt_image")
