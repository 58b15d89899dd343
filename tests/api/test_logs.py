"""What the log of a service and of a worker says, and what it never says."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from service.settings import Settings
from tests.api.processes import environment, started
from tests.backstage import until
from tests.bad_pictures import ONLY_DECODING_TELLS
from tests.driver import Client
from tests.pictures import jpeg
from tests.wire import connected, head

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SESSION = "IQoJb3JpZ2luX2VjEExampleSessionToken"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"
WORDS = "TitleOfAVeryPrivatePicture"


@dataclass
class Running:
    """A service and a worker with their log."""

    log: Path
    client: Client

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What has been logged."""
        return [dict(json.loads(line)) for line in self.log.read_text().splitlines()]

    async def line(self, **fields: object) -> dict[str, Any]:
        """The one line that has these fields."""

        async def found() -> dict[str, Any] | None:
            lines = [line for line in self.lines if fields.items() <= line.items()]
            assert len(lines) < 2, lines
            return lines[0] if lines else None

        line: dict[str, Any] = await until(found)
        return line


@asynccontextmanager
async def running(settings: Settings, tmp_path: Path, user: str) -> AsyncIterator[Running]:
    """Both as processes, with everything logged that can be."""
    log = tmp_path / "log"
    variables = environment(
        settings,
        LOG_LEVEL="DEBUG",
        PORT="0",
        POLL_SECONDS="1",
        RETRY_SECONDS="0",
        MAX_DELIVERIES="1",
        AWS_SECRET_ACCESS_KEY=SECRET,
        AWS_SESSION_TOKEN=SESSION,
    )
    async with started(variables, "serve", output=log), started(variables, "worker", output=log):

        async def url() -> str | None:
            lines = log.read_text().splitlines() if log.exists() else []
            said = [json.loads(line)["message"] for line in lines]
            return next((one.split()[-1] for one in said if one.startswith("serving on ")), None)

        async with aiohttp.ClientSession() as session:
            yield Running(log, Client(session, await until(url), user))


async def test_lines_are_json_with_ids_and_without_secrets(settings: Settings, tmp_path: Path) -> None:
    async with running(settings, tmp_path, "alice") as both:
        client = both.client
        picture = jpeg().data
        headers = {
            "Content-Type": "image/jpeg",
            "X-Request-Id": "from-the-gateway",
            "Authorization": f"Bearer {TOKEN}",
            "X-API-Key": "key-of-alice-0123456789",
            "Cookie": "session=cookie-of-alice",
            "Idempotency-Key": "idempotency-of-alice",
        }
        answer = await client.ask("POST", f"/v1/images?title={WORDS}", data=picture, headers=headers)
        assert (answer.status, answer.headers["X-Request-Id"]) == (202, "from-the-gateway")
        image_id = answer.json["image_id"]

        taken = await both.line(request_id="from-the-gateway", logger="service.http.access")
        assert taken["message"] == "POST /v1/images 202"
        assert (taken["user_id"], taken["image_id"], taken["status"]) == ("alice", image_id, 202)
        assert (taken["received"], taken["level"]) == (len(picture), "INFO")
        assert taken["sent"] > 0
        assert taken["ms"] > 0
        done = await both.line(image_id=image_id, logger="worker.account")
        assert (done["user_id"], done["message"]) == ("alice", "ready")

        refused = await client.ask(
            "POST", f"/v1/images?title={WORDS}", data=b"<svg>", headers=headers | {"X-Request-Id": "n"}
        )
        assert refused.status == 400
        assert (await both.line(request_id="n", logger="service.http.access"))["code"] == refused.code

        later = await client.ask(
            "POST", "/v1/images", data=ONLY_DECODING_TELLS["png_pixels_cut"].data, headers={"Content-Type": "image/png"}
        )
        assert later.status == 202, later
        assert (await both.line(image_id=later.json["image_id"], logger="worker.account"))["message"] == "rejected"

        for path in (f"/v1/images/{image_id}/content?redirect=1", f"/no-such-page?token={TOKEN}", f"/{TOKEN}"):
            await client.ask("GET", path, headers={"X-Request-Id": "last"})
        form = await client.ask("POST", "/v1/uploads", json={"content_type": "image/png", "title": WORDS})
        assert form.status == 201

        text = both.log.read_text()
    for secret in (
        *(SECRET, SESSION, TOKEN, WORDS),
        *("key-of-alice", "cookie-of-alice", "idempotency-of-alice"),
        *(form.json["fields"]["policy"], form.json["fields"]["x-amz-signature"]),
        *(base64.b64encode(picture[:300]).decode()[:40], picture[200:230].hex(), "<svg>"),
    ):
        assert secret not in text, text[text.index(secret) - 300 :][:600]


async def test_a_client_that_goes_is_not_a_failure_of_the_service(settings: Settings, tmp_path: Path) -> None:
    async with running(settings, tmp_path, "alice") as both:
        async with connected(both.client) as wire:
            expecting = ("Content-Type: image/jpeg", "Content-Length: 1000", "Expect: 100-continue")
            await wire.send(head(both.client, *expecting))
            assert (await wire.answer()).status == 100
            wire.cut()
        line = await both.line(code="client_gone")
    assert (line["status"], line["level"], line["user_id"]) == (499, "INFO", "alice")


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, '"}\\n{', "é"])
async def test_a_request_id_that_cannot_be_taken_over(client: Client, given: str) -> None:
    answer = await client.ask("GET", "/v1/images", headers={"X-Request-Id": given})
    assert answer.status == 200
    assert answer.headers["X-Request-Id"] != given
    assert len(answer.headers["X-Request-Id"]) == 16


async def test_no_line_for_a_request_when_not_wanted(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with started(environment(settings, PORT="0", ACCESS_LOG="0", LOG_FORMAT="text"), "serve", output=log):

        async def url() -> str | None:
            said = log.read_text() if log.exists() else ""
            return said.split("serving on ")[1].split()[0] if "serving on" in said else None

        at = await until(url)
        async with aiohttp.ClientSession() as session, session.get(f"{at}/nowhere") as answer:
            assert answer.status == 404
    assert "nowhere" not in log.read_text()
    assert log.read_text().count("\n") == 1
