"""What a request to AWS is called, and whom it is about."""

import re
from dataclasses import dataclass

from aiohttp import web

USER = re.compile(r"u-[0-9a-f]{12}")
"""What the users of these tests look like, wherever their name stands: a key, a query, an item, a message."""
OBJECT = {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}


@dataclass(frozen=True)
class Call:
    """One request: `s3`, `sqs`, `sns` or `dynamodb`, what it does, and the users it names."""

    part: str
    name: str
    users: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.part} {self.name}"


def call_of(request: web.Request, body: bytes) -> Call:
    """The call that this request is; of S3 with the folder of its keys, as in `PutObject incoming`."""
    said = request.rel_url.path_qs if "X-Amz-Target" not in request.headers else ""
    if request.method == "POST":
        said += body.decode()
    users = frozenset(USER.findall(said))
    if target := request.headers.get("X-Amz-Target"):
        service, _, action = target.partition(".")
        of = " of a key" if b"idempotency#" in body else ""
        return Call("sqs" if service == "AmazonSQS" else "dynamodb", action + of, users)
    if body.startswith(b"Action="):
        # SNS still speaks AWS's oldest protocol, a form.
        return Call("sns", body[len("Action=") :].partition(b"&")[0].decode(), users)
    key = request.path.lstrip("/").partition("/")[2]
    if "delete" in request.query:
        return Call("s3", "DeleteObjects", users)
    if not key:
        return Call("s3", f"ListObjectsV2 {request.query.get('prefix', '').partition('/')[0]}", users)
    return Call("s3", f"{OBJECT[request.method]} {key.partition('/')[0]}", users)
