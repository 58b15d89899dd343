"""Deploys the template to a local AWS and prints a conversation with it: `python -m tests.serverless.transcript`."""

import asyncio
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

from tests.deployment import deployed, packaged
from tests.direct import form_for, path_of, post
from tests.driver import Answer, Client
from tests.forms import PNG
from tests.pictures import exactly, jpeg

WIDTH = 600


class Talking(Client):
    """A client that prints what it asks and what it gets."""

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        """One request."""
        headers = {"X-User-Id": self.user, **(more.get("headers") or {})}
        print(f"\n> {method} {path}", *(f"> {name}: {value}" for name, value in headers.items()), sep="\n")
        begin = time.perf_counter()
        answer = await super().ask(method, path, **more)
        print(f"< {answer.status}  ({(time.perf_counter() - begin) * 1000:.0f} ms)")
        for name in ("Content-Type", "Location", "ETag", "Content-Range", "Retry-After", "Allow"):
            if name in answer.headers:
                print(f"< {name}: {answer.headers[name]}")
        kind = answer.headers.get("Content-Type", "")
        text = json.dumps(answer.json, ensure_ascii=False) if "json" in kind and answer.body else ""
        print(text[:WIDTH] + ("…" if len(text) > WIDTH else "") if text else f"({len(answer.body)} bytes)")
        return answer


async def converse(client: Client) -> None:
    """Each call once, and some that are refused."""
    await client.get("/readyz")
    accepted = await client.upload(jpeg().data, path="/v1/images?title=Rocket&tags=space,night")
    path = accepted.headers["Location"]
    await client.get(path, Prefer="wait=15")
    await client.get("/v1/images?limit=5&tag=space")
    await client.get(f"{path}/content")
    await client.get(f"{path}/content?variant=thumb")
    await client.get(f"{path}/content", Range="bytes=0-99")
    await client.ask("PATCH", path, json={"title": "Launch"}, headers={"If-Match": '"1"'})
    await client.as_user("bob").get(path)
    await client.ask("DELETE", path)
    await client.get(path)
    print("\n--- refused")
    await client.upload(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml")
    await client.upload(b"GIF89a<script>alert(1)</script>", "image/gif")
    await client.upload(PNG[:-20], "image/png")
    print("\n--- direct")
    large = exactly(5 * 1024 * 1024)
    given = await form_for(client, large.content_type, title="Large")
    print(f"\nPOST {given['url']} with {len(large.data) + 1} bytes: {await post(client, given, large.data + b'0')}")
    print(f"POST {given['url']} with {len(large.data)} bytes: {await post(client, given, large.data) or 'taken'}")
    await client.get(path_of(given), Prefer="wait=15")
    await client.get(f"{path_of(given)}/content")


async def main() -> None:
    """Deploy and converse."""
    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
    with tempfile.TemporaryDirectory() as folder:
        zips = await packaged(Path(folder) / "zips")
        (Path(folder) / "stack").mkdir()
        async with deployed(Path(folder) / "stack", zips) as made, aiohttp.ClientSession() as session:
            print(json.dumps(made.outputs, indent=1))
            await converse(Talking(session, made.url, "alice"))


if __name__ == "__main__":
    asyncio.run(main())
