"""Single lines of the log."""

import asyncio
import json
import logging
import sys

import pytest

from service import logs


def record(message: str, *args: object) -> logging.LogRecord:
    """What logging hands to a formatter."""
    return logging.LogRecord("service.part", logging.WARNING, "x.py", 1, message, args, None)


def test_json_has_time_level_logger_and_message() -> None:
    line = json.loads(logs.Json().format(record("%d of them", 3)))
    assert line.pop("timestamp").endswith("Z")
    assert line == {"level": "WARNING", "logger": "service.part", "message": "3 of them"}


def test_fields_that_json_has_no_words_for_are_texts() -> None:
    one = record("said")
    one.fields, one.size = {"b": OSError("gone")}, 3
    line = json.loads(logs.Json().format(one))
    assert (line["fields"], line["size"]) == ({"b": "gone"}, 3)
    assert set(line) == {"timestamp", "level", "logger", "message", "fields", "size"}


def test_no_field_costs_a_line() -> None:
    class Unspeakable:
        def __str__(self) -> str:
            raise ValueError("closed")

    one = record("said")
    one.field, one.table = Unspeakable(), {("a", "b"): 1, "c": 2}
    one.stack_info = "Stack (most recent call last): …"
    line = json.loads(logs.Json().format(one))
    assert (line["message"], line["field"], line["table"]) == ("said", "<Unspeakable>", {"c": 2})
    assert line["stack"] == one.stack_info


def test_the_time_is_that_of_the_record() -> None:
    one = record("said")
    one.created, one.msecs = 1_800_000_000.0625, 62.0
    assert json.loads(logs.Json().format(one))["timestamp"] == "2027-01-15T08:00:00.062Z"


@pytest.mark.parametrize("formatter", [logs.Json(), logs.Text()])
def test_no_text_makes_another_line(formatter: logging.Formatter) -> None:
    line = formatter.format(record("said %s", "one\r\ntwo\x1b[2J\x85three\u2028four"))
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line


def test_a_traceback_is_in_it() -> None:
    one = record("failed")
    try:
        raise ValueError("what is wrong")
    except ValueError:
        one.exc_info = sys.exc_info()
    assert "ValueError: what is wrong" in json.loads(logs.Json().format(one))["exception"]
    assert "ValueError: what is wrong" in logs.Text().format(one)


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ("Authorization: Bearer abc.def-123", "abc.def-123"),
        ("headers {'Authorization': 'Basic dXNlcjpwYXNz'}", "dXNlcjpwYXNz"),
        ("https://s3/b/k?X-Amz-Credential=AKIA%2F2026&X-Amz-Signature=0badcafe&x=1", "0badcafe"),
        ("https://s3/b/k?X-Amz-Credential=AKIA%2F2026&X-Amz-Signature=0badcafe&x=1", "AKIA%2F2026"),
        ('{"x-amz-security-token": "IQoJb3Jp"}', "IQoJb3Jp"),
        ("X-API-Key: k-12345", "k-12345"),
        ("got eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln here", "eyJhbGciOiJSUzI1NiJ9"),
        ("aws_secret_access_key=wJalrXUt", "wJalrXUt"),
        ("Cookie: session=12", "session=12"),
        ("api-key=k-1", "k-1"),
        ("API_KEY: k-1", "k-1"),
        ("apikey=k-1", "k-1"),
        ("Security-Token=k-1", "k-1"),
        ("Access_Token=k-1", "k-1"),
        ("PASSWORD=k-1", "k-1"),
        ("Signature=k-1", "k-1"),
        ("Credential=k-1", "k-1"),
        ("Cookie: theme=dark; session=12", "session=12"),
        ("headers {'Cookie': 'theme=dark; session=12', 'Host': 'a'}", "session=12"),
        ("Authorization: Digest username=alice, response=0badcafe", "0badcafe"),
        ("/v1/cloudimg_0123456789abcdefghijABCDEFGHIJ", "0123456789abcdefghijABCDEFGHIJ"),
    ],
)
def test_what_looks_like_a_credential_is_hidden(said: str, secret: str) -> None:
    for formatter in (logs.Json(), logs.Text()):
        line = formatter.format(record("%s", said))
        assert secret not in line
        assert "[hidden]" in line


def test_other_words_stay() -> None:
    said = "signature of JPEG expected; the token bucket is empty; 12 secrets, credential chain, key images/a/b"
    assert said in json.loads(logs.Json().format(record(said)))["message"]


async def test_ids_are_of_their_own_task() -> None:
    seen: dict[str, dict[str, str]] = {}

    async def one(name: str, gate: asyncio.Barrier) -> None:
        with logs.about(request_id=name):
            await gate.wait()
            logs.note(user_id=f"user of {name}")
            await gate.wait()
            with logs.about(image_id=f"image of {name}") as ids:
                seen[name] = dict(ids)

    gate = asyncio.Barrier(2)
    await asyncio.gather(one("a", gate), one("b", gate))
    assert seen == {
        name: {"request_id": name, "user_id": f"user of {name}", "image_id": f"image of {name}"} for name in ("a", "b")
    }
