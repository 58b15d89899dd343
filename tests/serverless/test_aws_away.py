"""A container while AWS or a part of it is away: an answer in any case, nothing half done, and later all goes on."""

from dataclasses import replace

from service.settings import Settings
from service.storage import Storage
from tests.api.records import record, settle
from tests.backstage import backstage_of
from tests.faults.between import elsewhere, sqs_before
from tests.functions import SERVICE, function
from tests.pictures import jpeg_progressive
from tests.serverless.away import all_of_aws, relayed, s3_that_breaks_off, s3_that_deletes_slowly
from tests.serverless.senders import HTTP_API, Caller
from tests.wire import problem

PHOTO = jpeg_progressive()


async def test_aws_goes_away_and_comes_back(settings: Settings, storage: Storage, user: str) -> None:
    """A 503 says when to try again; and it is the same container that works then."""
    async with relayed(settings) as (container, relay):
        caller = Caller(container, HTTP_API, user)
        await all_of_aws(caller, storage)
        relay.cut()
        for answer, part in ((await caller.upload(PHOTO.data), "s3"), (await caller.get("/v1/images"), "dynamodb")):
            assert problem(answer) == (503, f"{part}_unavailable")
            assert int(answer.headers["Retry-After"]) > 0
        relay.mend()
        await all_of_aws(caller, storage)


async def test_nothing_is_left_of_an_upload_that_was_not_queued(settings: Settings, user: str) -> None:
    """When the answer is there its bytes are gone; a frozen container could not remove them any more."""
    async with (
        sqs_before(str(settings.endpoint_sqs)) as sqs,
        s3_that_deletes_slowly(str(settings.endpoint_s3)) as s3,
        function(SERVICE, replace(settings, endpoint_sqs=sqs.url, endpoint_s3=s3)) as container,
        backstage_of(settings) as backstage,
    ):
        caller = Caller(container, HTTP_API, user)
        sqs.doomed = user
        answer = await caller.upload(PHOTO.data)
        assert (problem(answer), await backstage.keys_of(user)) == ((503, "sqs_unavailable"), set())
        sqs.doomed = None
        answer = await caller.upload(PHOTO.data)
        assert await backstage.keys_of(user) == {f"incoming/{answer.json['image_id']}"}


async def test_half_of_an_image_is_none(settings: Settings, storage: Storage, user: str) -> None:
    """Where HTTP would break the connection off, there is no answer yet: it becomes a 503."""
    size = 1_000_000
    (image_id,) = await settle(storage, record(user, size=size))
    async with (
        s3_that_breaks_off(size) as url,
        function(SERVICE, elsewhere(settings, "s3", url)) as container,
    ):
        caller = Caller(container, HTTP_API, user)
        answer = await caller.get(f"/v1/images/{image_id}/content")
        assert problem(answer) == (503, "service_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        assert (await caller.get(f"/v1/images/{image_id}")).status == 200
