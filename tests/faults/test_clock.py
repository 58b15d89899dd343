"""A clock that is far off: AWS refuses all signatures. It is said, in the answer and in the log; nothing else is tried.

Neither botocore nor we correct the clock by AWS's `Date`: a machine whose time is wrong also names images wrongly and
keeps idempotency keys for the wrong time, so whoever runs it has to know.
"""

import pytest

from service.settings import Settings
from tests.driver import client_of
from tests.faults.proxy import proxy_to, through
from tests.faults.stories import new_user
from tests.pictures import jpeg_progressive

SAYS = {"s3": "RequestTimeTooSkewed", "sqs": "Signature not yet current", "dynamodb": "Signature not yet current"}


@pytest.mark.parametrize("part", SAYS)
async def test_signatures_that_are_too_old(settings: Settings, caplog: pytest.LogCaptureFixture, part: str) -> None:
    """503, once and at once; and as soon as the clock is right, all is well."""
    calls = {"s3": "s3 PutObject incoming", "sqs": "sqs SendMessageBatch", "dynamodb": "dynamodb PutItem of a key"}
    user, data = new_user(), jpeg_progressive().data
    async with (
        proxy_to(str(settings.endpoint_s3)) as proxy,
        client_of(through(settings, proxy), user) as client,
    ):
        with proxy.breaking(calls[part], "skewed", user) as rule:
            answer = await client.upload(data, Idempotency_Key="1")
        assert (answer.status, answer.code, rule.met) == (503, f"{part}_unavailable", 1)
        assert SAYS[part] in caplog.text
        assert (await client.upload(data, Idempotency_Key="1")).status == 202
