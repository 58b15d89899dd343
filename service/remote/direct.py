"""Posting a file straight to S3 with the form that the service has handed out."""

import re
import uuid
from collections.abc import Mapping
from typing import Any

from yarl import URL

from service.remote.content import Content
from service.remote.errors import KINDS, Problem, Refused
from service.remote.retries import seconds_of
from service.remote.sending import Progress
from service.remote.transport import Transport

CODE = re.compile(rb"<Code>(\w+)</Code>")
MESSAGE = re.compile(rb"<Message>([^<]*)</Message>")


async def post_form(transport: Transport, form: Mapping[str, Any], content: Content, progress: Progress | None) -> None:
    """Post `content` as the form's file; it must be in memory.

    :raises Refused: S3 does not take it; its own code is the error's.
    :raises Unavailable, Unreachable: it may take it later.
    """
    assert content.data is not None
    boundary = uuid.uuid4().hex
    body = _body(boundary, form["fields"], form["file_field"], content.data)
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    answer = await transport.send(
        "POST", URL(form["url"], encoded=True), headers, Content(len(body), b"", body), progress=progress
    )
    if answer.status in (200, 201, 204):
        return
    code, message = CODE.search(answer.body), MESSAGE.search(answer.body)
    # What S3 answers to a form that it does not take is 403 or 400: of who is asking that says nothing.
    kind = KINDS.get(answer.status, Problem) if answer.status >= 429 else Refused
    raise kind(
        answer.status,
        code[1].decode() if code else f"http_{answer.status}",
        f"S3 does not take the file: {message[1].decode('utf-8', 'replace') if message else answer.status}",
        retry_after=seconds_of(answer.headers.get("Retry-After")),
    )


def _body(boundary: str, fields: Mapping[str, str], file_field: str, data: bytes) -> bytes:
    """S3 takes no chunked body: its length has to be known."""
    words = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
        for name, text in fields.items()
    ]
    file = f'--{boundary}\r\nContent-Disposition: form-data; name="{file_field}"; filename="file"\r\n\r\n'
    return "".join([*words, file]).encode() + data + f"\r\n--{boundary}--\r\n".encode()
