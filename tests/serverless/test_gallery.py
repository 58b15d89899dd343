"""The gallery page comes through every gateway, with all that it is made of."""

import re

from service.http.gallery import FOLDER, PAGE
from tests.functions import Function
from tests.serverless.events import Asked
from tests.serverless.senders import KINDS, Caller

LINK = re.compile(r'(?:href|src)="([^"#]+)"')


async def test_every_sender_gets_it(container: Function) -> None:
    """Links lead to where the sender's clients find the files, byte by byte the same."""
    for kind in KINDS:
        nobody = Caller(container, kind, "nobody")
        page = await nobody.anonymously(Asked("GET", "/"))
        assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8"), kind
        links = set(LINK.findall(page.body.decode()))
        assert {link.rpartition("/")[2] for link in links} == {path.name for path in FOLDER.iterdir()} - {PAGE}
        for link in links:
            begin = f"{kind.prefix}/gallery/" if kind.prefix else "./gallery/"
            assert link.startswith(begin)
            path = "/gallery/" + link.removeprefix(begin)
            file = await nobody.anonymously(Asked("GET", path))
            assert (file.status, file.body) == (200, (FOLDER / path.rpartition("/")[2]).read_bytes()), (kind, link)
            assert file.headers["Cache-Control"].endswith("immutable")


async def test_the_page_may_ask_s3(container: Function) -> None:
    """As large images do not pass a function."""
    page = await Caller(container, KINDS[0], "nobody").anonymously(Asked("GET", "/"))
    assert re.search("connect-src 'self' http://127.0.0.1:[0-9]+$", page.headers["Content-Security-Policy"])
