"""API keys: the file that holds them, how it may change under a running service, and the command that makes them."""

import asyncio
import logging
import os
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiohttp.test_utils import make_mocked_request

from service.errors import SettingsError, Unauthenticated
from service.http.auth import make_authenticator
from service.http.auth.api_key import ApiKeys
from service.http.auth.key_lines import KnownKey, digest_of, line_of, new_key, read_lines
from service.http.server import refuse_blind_trust
from service.settings import Settings
from tests.api.processes import environment, run

ALICE, BOB = new_key(), new_key()


def line(user: str, key: str, expires_at: datetime | None = None) -> str:
    """As the command prints it."""
    return line_of(KnownKey(user, digest_of(key), expires_at))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with a key of alice, in a folder with a space in its name."""
    folder = tmp_path / "the keys"
    folder.mkdir()
    path = folder / "keys.txt"
    path.write_text(f"# keys\n\n  {line('alice', ALICE)}  # her laptop\n")
    return path


@pytest.fixture
def keys(file: Path) -> ApiKeys:
    """The authenticator of that file."""
    return ApiKeys(Settings(auth_mode="api-key", api_keys_file=str(file)))


async def user(keys: ApiKeys, key: str) -> str | None:
    """Whose key it is."""
    with suppress(Unauthenticated):
        return await keys.user_of(make_mocked_request("GET", "/", headers={"X-API-Key": key}))
    return None


def test_a_key_cannot_be_guessed_and_can_be_found() -> None:
    """256 random bits, in a form that secret scanners know."""
    made = {new_key() for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(r"cloudimg_[A-Za-z0-9_-]{43}", key) for key in made)


async def test_a_new_key_beside_the_old_one(keys: ApiKeys, file: Path) -> None:
    """Rotation: both are valid from the next request on, until the old one's line is gone."""
    second = new_key()
    assert (await user(keys, ALICE), await user(keys, second)) == ("alice", None)
    file.write_text(f"{line('alice', ALICE)}\n{line('alice', second)}\n")
    assert (await user(keys, ALICE), await user(keys, second)) == ("alice", "alice")
    file.write_text(f"{line('alice', second)}\n")
    assert (await user(keys, ALICE), await user(keys, second)) == (None, "alice")


async def test_the_whole_hash_counts(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only the part by which candidates are found, which here finds all."""
    monkeypatch.setattr("service.http.auth.api_key.BUCKET_BYTES", 0)
    file.write_text(f"{line('alice', ALICE)}\n{line('bob', BOB)}")
    keys = ApiKeys(Settings(auth_mode="api-key", api_keys_file=str(file)))
    assert [await user(keys, key) for key in (ALICE, BOB, new_key())] == ["alice", "bob", None]


async def test_every_change_counts_at_once(keys: ApiKeys, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one of the same size within the grain of the file's time, which is a second on some file systems."""
    stat = Path.stat

    def coarse(path: Path, **more: bool) -> SimpleNamespace:
        found = stat(path, **more)
        seconds = int(found.st_ctime)
        same = {name: getattr(found, name) for name in ("st_size", "st_ino", "st_dev", "st_mode")}
        return SimpleNamespace(**same, st_ctime=float(seconds), st_ctime_ns=seconds * 10**9)

    monkeypatch.setattr(Path, "stat", coarse)
    for _ in range(20):
        for known, unknown in ((ALICE, BOB), (BOB, ALICE)):
            file.write_text(line("alice", known))
            assert (await user(keys, known), await user(keys, unknown)) == ("alice", None)


async def test_another_file_in_its_place(keys: ApiKeys, file: Path, tmp_path: Path) -> None:
    """As orchestrators do it: a link that leads to another file, be that as old as it likes."""
    new = tmp_path / "new"
    new.write_text(line("bob", BOB))
    os.utime(new, (0, 0))
    link = tmp_path / "link"
    link.symlink_to(new)
    link.replace(file)
    assert (await user(keys, ALICE), await user(keys, BOB)) == (None, "bob")


BREAK: dict[str, Callable[[Path], object]] = {
    "gone": lambda path: path.unlink(),
    "folder": lambda path: path.rename(path.with_suffix(".old")).parent.joinpath(path.name).mkdir(),
    "rubbish": lambda path: path.write_text(f"{line('bob', BOB)}\nrubbish\n"),
    "no text": lambda path: path.write_bytes(b"\xff\xfe"),
    "key itself": lambda path: path.write_text(f"alice {ALICE}"),
}


@pytest.mark.parametrize("name", BREAK)
async def test_a_broken_file_changes_nothing(
    keys: ApiKeys, file: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told of, once, without what stands in it; and followed again when it is mended."""
    BREAK[name](file)
    for _ in range(3):
        assert (await user(keys, ALICE), await user(keys, BOB)) == ("alice", None)
    (told,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert str(file) in told.getMessage()
    assert ALICE not in caplog.text
    assert digest_of(ALICE).hex() not in caplog.text
    if file.is_dir():
        file.rmdir()
    file.write_text(line("bob", BOB))
    assert (await user(keys, ALICE), await user(keys, BOB)) == (None, "bob")
    assert "again" in caplog.records[-1].getMessage()


async def test_a_key_that_expires(file: Path) -> None:
    """At its time, which is UTC if it does not say otherwise."""
    soon, past = datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC) - timedelta(seconds=1)
    file.write_text(f"{line('alice', ALICE, soon)}\n{line('bob', BOB, past)}")
    keys = ApiKeys(Settings(auth_mode="api-key", api_keys_file=str(file)))
    assert (await user(keys, ALICE), await user(keys, BOB)) == ("alice", None)
    (day,) = read_lines([f"alice {digest_of(ALICE).hex()} 2027-01-31"], "")
    assert day.expires_at == datetime(2027, 1, 31, tzinfo=UTC)


async def test_keys_in_the_environment(file: Path) -> None:
    """With commas between, beside those of the file."""
    carol = new_key()
    given = f"{line('bob', BOB)}, {line('carol', carol)},"
    for path, alice in ((None, None), (str(file), "alice")):
        keys = ApiKeys(Settings(auth_mode="api-key", api_keys=given, api_keys_file=path))
        found = [await user(keys, key) for key in (ALICE, BOB, carol)]
        assert found == [alice, "bob", "carol"]


HASH = digest_of(BOB).hex()
BAD_LINES = {
    "one word": HASH,
    "four words": f"bob {HASH} 2027-01-31 x",
    "no user": f"../bob {HASH}",
    "partition": f"idempotency#bob {HASH}",
    "short": f"bob {HASH[:-1]}",
    "long": f"bob {HASH}0",
    "no hex": f"bob {HASH[:-1]}g",
    "turned round": f"{HASH} bob",
    "key": f"bob {BOB}",
    "time": f"bob {HASH} tomorrow",
    "twice": line("bob", ALICE),
    "colon": f"bob:{HASH}",
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_line_that_is_none(name: str, file: Path) -> None:
    """Keeps the service from starting, by its number, and without what stands in it."""
    with pytest.raises(SettingsError) as caught:
        read_lines([line("alice", ALICE), "", BAD_LINES[name]], "API_KEYS_FILE keys.txt")
    assert str(caught.value).startswith("API_KEYS_FILE keys.txt, line 3: ")
    assert HASH[:-1] not in str(caught.value)
    assert BOB not in str(caught.value)


# What is missing at the start

ISSUER = {"AUTH_MODE": "jwt", "JWT_ISSUER": "https://issuer.example", "JWT_AUDIENCE": "images"}
MISTAKES: dict[str, tuple[dict[str, str], str]] = {
    "no keys": ({"AUTH_MODE": "api-key"}, "API_KEYS_FILE or API_KEYS"),
    "no file": ({"AUTH_MODE": "api-key", "API_KEYS_FILE": "/nowhere/keys"}, "API_KEYS_FILE /nowhere/keys"),
    "a bad line": ({"AUTH_MODE": "api-key", "API_KEYS": f"alice {HASH},bob"}, "API_KEYS, line 2"),
    "nothing": ({"AUTH_MODE": "jwt"}, "JWT_ISSUER and JWT_AUDIENCE"),
    "no issuer": ({**ISSUER, "JWT_ISSUER": ""}, "needs JWT_ISSUER:"),
    "no audience": ({**ISSUER, "JWT_AUDIENCE": ""}, "needs JWT_AUDIENCE:"),
    "no https": ({**ISSUER, "JWT_ISSUER": "http://issuer.example"}, "JWT_JWKS_URL"),
    "no url": ({**ISSUER, "JWT_ISSUER": "issuer.example"}, "JWT_JWKS_URL"),
    "keys by http": ({**ISSUER, "JWT_JWKS_URL": "http://issuer.example/keys"}, "JWT_JWKS_URL must be an https URL"),
    "a shared secret": ({**ISSUER, "JWT_ALGORITHMS": "RS256,HS256"}, "JWT_ALGORITHMS"),
    "no signature": ({**ISSUER, "JWT_ALGORITHMS": "none"}, "JWT_ALGORITHMS"),
    "any origin": ({"CORS_ORIGINS": "*"}, "CORS_ORIGINS"),
    "any host": ({"CORS_ORIGINS": "https://*.example.org"}, "CORS_ORIGINS"),
    "a page": ({"CORS_ORIGINS": "https://example.org/page"}, "CORS_ORIGINS"),
    "no origin": ({"CORS_ORIGINS": "null"}, "CORS_ORIGINS"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mode_without_what_it_needs(name: str) -> None:
    """One line says what to set, and repeats no secret."""
    given, told = MISTAKES[name]
    with pytest.raises(SettingsError) as caught:
        make_authenticator(Settings.from_env(given))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert HASH not in str(caught.value)


SOUND = {"api-key": {"AUTH_MODE": "api-key", "API_KEYS": f"alice {HASH}"}, "jwt": ISSUER}


@pytest.mark.parametrize("mode", SOUND)
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "photos.example", "127.0.0.1"])
def test_keys_and_tokens_need_nobody_s_trust(mode: str, host: str) -> None:
    """They may be asked for on any address."""
    settings = Settings.from_env(SOUND[mode], host=host)
    make_authenticator(settings)
    refuse_blind_trust(settings)


# The command line

COMMANDS = ("serve --host 0.0.0.0", "serve --processes 2", "dev")


async def test_no_command_starts_without_them() -> None:
    """Whichever serves."""
    given = environment(AUTH_MODE="api-key", AWS_ENDPOINT="http://127.0.0.1:1", PORT="0")
    for ended in await asyncio.gather(*(run(given, *words.split()) for words in COMMANDS)):
        assert "API_KEYS_FILE or API_KEYS" in ended.complaint
        assert ended.err.count("\n") == 1


async def test_the_command_makes_keys_that_are_taken(file: Path) -> None:
    """Printed with their line, or with the line put where it belongs; a new file is for its owner only."""
    given, new = environment(COLUMNS="200"), file.with_name("new")
    file.write_text(file.read_text().strip())
    shown, added, made = await asyncio.gather(
        run(given, "api-key", "create", "carol", "--days", "30"),
        run(given, "api-key", "create", "dave", "--file", str(file)),
        run(given, "api-key", "create", "erin", "--file", str(new)),
    )
    found = re.fullmatch(r"The key.*: +(\S+)\nThe line.*: +(.+)\n", shown.out)
    assert found
    key, stored = found.groups()
    keys = ApiKeys(Settings(auth_mode="api-key", api_keys=stored, api_keys_file=str(file)))
    assert [await user(keys, one) for one in (key, added.out.strip(), ALICE)] == ["carol", "dave", "alice"]
    (known,) = read_lines([stored], "")
    assert known.expires_at is not None
    assert timedelta(days=29) < known.expires_at - datetime.now(UTC) < timedelta(days=31)
    assert key not in stored
    assert added.out.strip() not in file.read_text()
    assert new.stat().st_mode & 0o777 == 0o600
    assert read_lines(new.read_text().splitlines(), "")[0].digest == digest_of(made.out.strip())


async def test_the_command_s_complaints(tmp_path: Path) -> None:
    """A user who cannot be one, and a file that cannot be written to."""
    given = environment(COLUMNS="200")
    mistakes = (["../carol"], ["carol", "--file", str(tmp_path)])
    for ended in await asyncio.gather(*(run(given, "api-key", "create", *words) for words in mistakes)):
        assert (ended.code, ended.out) == (2, "")
        assert "Traceback" not in ended.err
