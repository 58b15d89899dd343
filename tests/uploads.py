"""Ways to upload, and what to expect of a refusal."""

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from io import BytesIO

from tests.driver import Answer, Client
from tests.forms import FORM, PNG, file_part, form
from tests.outside import Outside
from tests.wire import chunk, problem

WAYS = ("raw", "chunked", "multipart")
TYPE, SIZE, CHUNKED = "Content-Type: image/png", f"Content-Length: {len(PNG)}", "Transfer-Encoding: chunked"

WHOLE: dict[str, tuple[list[str], bytes]] = {
    "raw": ([TYPE, SIZE], PNG),
    "chunked": ([TYPE, CHUNKED], chunk(PNG) + chunk(b"")),
    "multipart": ([f"Content-Type: {FORM}", f"Content-Length: {len(form(file_part()))}"], form(file_part())),
}
"""A sound upload by hand in each way: headers and body."""


async def send(client: Client, way: str, data: bytes, content_type: str) -> Answer:
    """Upload these bytes, declared as that type, in one of the ways."""
    if way == "multipart":
        return await client.upload(BytesIO(form(file_part(data, content_type))), FORM)
    return await client.upload(in_pieces(data) if way == "chunked" else BytesIO(data), content_type)


async def in_pieces(data: bytes) -> AsyncIterator[bytes]:
    """A body whose length is not declared."""
    for at in range(0, len(data), 65_536):
        yield data[at : at + 65_536]


@dataclass(frozen=True)
class Refuses:
    """Awaits an answer, which must be this refusal, and sees that nothing has come of the request in AWS."""

    outside: Outside

    async def __call__(self, sending: Awaitable[Answer], code: str, status: int = 400) -> None:
        before = await self.outside.everything()
        answer = await sending
        assert problem(answer) == (status, code)
        assert await self.outside.everything() == before
