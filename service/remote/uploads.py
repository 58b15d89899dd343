"""The two ways of an upload: through the service, or straight to S3 where bodies of its size do not get there."""

import hashlib
from collections.abc import Mapping
from typing import Any

from service.remote.answers import Image
from service.remote.calls import Calls
from service.remote.content import Content
from service.remote.direct import post_form
from service.remote.errors import Refused, TooLarge
from service.remote.requests import path_of
from service.remote.sending import Progress


async def send(
    calls: Calls, content: Content, labels: Mapping[str, Any], kind: str, key: str, progress: Progress | None
) -> Image:
    """Upload once; the image as it is then.

    :param labels: file name, title and tags, those that there are.
    :param key: the idempotency key.
    :raises ImagesError: it is not there.
    """
    if await calls.reaches(content.size):
        headers = {"Content-Type": kind, "Idempotency-Key": key}
        try:
            return await calls.image(
                "POST", "/v1/images", headers=headers, query=labels, content=content, progress=progress
            )
        except TooLarge:  # a gateway's answer
            if await calls.reaches(content.size, ask_anew=True):
                raise
    return await _straight(calls, content, labels, kind, key, progress)


async def _straight(
    calls: Calls, content: Content, labels: Mapping[str, Any], kind: str, key: str, progress: Progress | None
) -> Image:
    if content.data is None:
        raise Refused(400, "too_large", f"{content.size:,} bytes are more than any image may have.")
    wanted = {**labels, "content_type": kind, "size": content.size}
    # The service tells the two ways of an upload apart: the key of one is no key of the other.
    headers = {"Idempotency-Key": hashlib.sha256(f"direct {key}".encode()).hexdigest()}
    answer = await calls.ask("POST", "/v1/uploads", headers=headers, body=wanted)
    form = answer.json()
    if answer.status == 200:
        return calls.image_of(form)
    await calls.retries.run(lambda: post_form(calls.transport, form, content, progress))
    return await calls.image("GET", path_of(form["image_id"]))
