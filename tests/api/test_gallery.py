"""The gallery page and its files, as a browser gets them."""

import re
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import urljoin, urlsplit

import pytest
import yaml

from deploy.openapi import SOURCE
from service.http.gallery import FOLDER, PAGE, TYPES, gallery
from service.http.gallery.policy import policy
from service.http.safety import HEADERS
from service.images import Receipt, new_image_id
from service.settings import Settings
from service.storage import open_storage
from service.storage.direct import DirectUploads
from tests.driver import Answer, Client
from tests.wire import bare_head, exchange

NAMES = {path.name for path in FOLDER.iterdir()}
REFERENCE = re.compile(r'(?:href|src)="([^"#]+)"|^(?:import|export) .*from "([^"]+)";$', re.MULTILINE)
BEHIND = ("/prod", "/photos/v1", "/a-b._~$")
CLOSED = ("'none'", "'self'")


async def nobody(client: Client, path: str, method: str = "GET", *headers: str) -> Answer:
    """The answer to a request that says nothing of a user."""
    return await exchange(client, bare_head(*headers, target=path, method=method))


def directives(answer: Answer) -> dict[str, list[str]]:
    """The page's Content-Security-Policy."""
    given = (one.split() for one in answer.headers["Content-Security-Policy"].split("; "))
    return {name: sources for name, *sources in given}


async def test_the_page_is_for_anybody(client: Client) -> None:
    """Asked for anew each time, at the price of a 304."""
    answer = await nobody(client, "/")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.body.startswith(b"<!doctype html>")
    tag = answer.headers["ETag"]
    for header, status in ((tag, 304), (f'"x", W/{tag}', 304), ('"x"', 200)):
        again = await nobody(client, "/", "GET", f"If-None-Match: {header}")
        assert (again.status, again.headers["ETag"]) == (status, tag)
    # Without a user, as a page for who has none says so.
    async with client.session.head(f"{client.url}/") as head:
        assert (head.status, head.headers["Content-Length"]) == (200, str(len(answer.body)))


async def test_what_the_page_may_do(client: Client) -> None:
    """Its own scripts and styles, its own service, pictures from memory; nothing inline, no other host, in no frame."""
    answer = await nobody(client, "/")
    assert directives(answer) == {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["'none'"],
    }
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    for name in HEADERS.keys() - {"Content-Security-Policy"}:
        assert answer.headers[name] == HEADERS[name]


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
@pytest.mark.parametrize("bucket", ["pictures", "pictures.example.org"])
@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:4566", "https://s3.example.org/"])
async def test_s3_may_be_asked_where_images_go_there(region: str, bucket: str, endpoint: str | None) -> None:
    """Under each name that a form or a URL of this service has; and nowhere else."""
    settings = Settings(region=region, bucket=bucket, endpoint_s3=endpoint, endpoint_sqs=endpoint)
    assert "connect-src 'self';" in f"{policy(settings)};"
    direct = policy(replace(settings, direct_upload_from=1000))
    allowed = [source for source in re.search("connect-src ([^;]*)", direct)[1].split() if source not in CLOSED]  # type: ignore[index]
    receipt = Receipt(user_id="u", image_id=new_image_id(), content_type="image/png", size=5)
    forms = DirectUploads(settings)
    async with open_storage(settings) as storage:
        form = await forms.presigned_post(receipt, 60)
        url = await storage.objects.presigned_url("u", receipt.image_id, "original", 60)
    await forms.close()
    for target in (form.url, url):
        parts = urlsplit(target)
        assert [
            one for one in allowed if f"{parts.scheme}://{parts.netloc}{parts.path}/".startswith(f"{one.rstrip('/')}/")
        ]
    assert {urlsplit(one).scheme for one in allowed} == {urlsplit(endpoint).scheme if endpoint else "https"}
    assert not [one for one in allowed if "*" in one]


async def test_public_address_of_s3(settings: Settings) -> None:
    """What browsers reach it by, if that is another than the service's own."""
    there = replace(settings, public_endpoint_s3="https://s3.example.org:8443/base", direct_upload_from=1000)
    assert "connect-src 'self' https://s3.example.org:8443;" in f"{policy(there)};"


async def test_all_files_are_found_from_the_page(client: Client) -> None:
    """By what it and they refer to; each has its type and is kept for good; nothing lies there unused."""
    found: dict[str, Answer] = {}
    queue = ["/"]
    while queue:
        path = queue.pop()
        answer = found[path] = await nobody(client, path)
        assert answer.status == 200, path
        references = [one or other for one, other in REFERENCE.findall(answer.body.decode())]
        queue += {urljoin(path, reference) for reference in references} - found.keys()
    page = found.pop("/")
    assert {PurePosixPath(path).name for path in found} == NAMES - {PAGE}
    assert len({PurePosixPath(path).parent for path in found}) == 1
    for path, answer in found.items():
        assert answer.headers["Content-Type"] == TYPES[PurePosixPath(path).suffix]
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
        assert (await nobody(client, path, "GET", f"If-None-Match: {answer.headers['ETag']}")).status == 304
    modules = re.findall(r'<link rel="modulepreload" href="[^"]*/([a-z]+\.js)">', page.body.decode())
    assert set(modules) == {name for name in NAMES if name.endswith(".js")}


async def test_a_page_from_before_a_deployment(client: Client) -> None:
    """Finds its files, but keeps none of them."""
    for version in ("0", "0123456789abcdef", "..%2f.."):
        answer = await nobody(client, f"/gallery/{version}/app.js")
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache")
    assert gallery().version in (await nobody(client, "/")).body.decode()


@pytest.mark.parametrize(
    "name",
    [
        "index.html",
        "__init__.py",
        "policy.py",
        "app.jsx",
        "APP.JS",
        "app.js%00",
        "app.js%2f",
        "%2e%2e%2fpolicy.py",
        "..%2fpolicy.py",
        "..%5cpolicy.py",
        "..%2f..%2f..%2fsettings.py",
        "%2fetc%2fpasswd",
        ".",
        "..",
        "*",
        "static",
    ],
)
async def test_nothing_else_is_served(client: Client, name: str) -> None:
    """Only names that are known, whatever else lies in the folder or around it."""
    for version in (gallery().version, "0"):
        answer = await nobody(client, f"/gallery/{version}/{name}")
        assert (answer.status, answer.code) == (404, "not_found")
        assert b"import" not in answer.body


@pytest.mark.parametrize("prefix", BEHIND)
async def test_behind_a_prefix(client: Client, prefix: str) -> None:
    """What a gateway puts before the path stands before the links, too: the page may be at `/prod` and at `/prod/`."""
    bare, answer = await client.get("/"), await client.get("/", X_Forwarded_Prefix=prefix)
    links = [one for one, _ in REFERENCE.findall(answer.body.decode())]
    assert len(links) > 10
    assert all(link.startswith(f"{prefix}/gallery/{gallery().version}/") for link in links)
    assert answer.headers["ETag"] != bare.headers["ETag"]
    assert "X-Forwarded-Prefix" in answer.headers["Vary"]


@pytest.mark.parametrize("prefix", ["", "/", "//evil.example", "https://evil.example", '/"><script>', "evil"])
async def test_behind_none(client: Client, prefix: str) -> None:
    """Then links are relative, which holds behind a proxy that takes something off the path and says nothing."""
    answer = await client.get("/", X_Forwarded_Prefix=prefix)
    assert answer.body == (await client.get("/")).body
    assert all(link.startswith("./gallery/") for link, _ in REFERENCE.findall(answer.body.decode()))


def test_the_source_needs_no_more_than_the_policy_allows() -> None:
    """No markup made of text, no code made of text, no inline style or script, no other host."""
    scripts = {path.name: path.read_text() for path in FOLDER.glob("*.js")}
    sinks = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setHTML|DOMParser|"
        r"createContextualFragment|\.style\b|\bstyle:|javascript:|localStorage\.(?!setItem|getItem|removeItem)"
    )
    assert not {name: sinks.findall(text) for name, text in scripts.items() if sinks.search(text)}
    page = (FOLDER / PAGE).read_text()
    assert not re.findall(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", page)
    for path in FOLDER.iterdir():
        code = "\n".join(line for line in path.read_text().splitlines() if not line.startswith(("//", "/*")))
        assert set(re.findall(r"https?://[^\s\"']*", code)) <= {"http://www.w3.org/2000/svg"}, path.name


def test_every_code_has_words() -> None:
    """What the service answers with, and what it gives as a reason, is told to people in words of theirs."""
    schemas = yaml.safe_load(SOURCE.read_text("utf-8"))["components"]["schemas"]
    codes = {code for name, schema in schemas.items() if name.endswith("Code") for code in schema["enum"]}
    assert len(codes) > 60
    table = (FOLDER / "words.js").read_text().partition("export const WORDS = {")[2].partition("\n};")[0]
    told = set(re.findall(r"^  ([a-z0-9_]+): ", table, re.MULTILINE))
    assert codes <= told
    # What is told, but not by the service: of gateways, and of the page itself.
    assert told - codes == {"forbidden", "no_connection", "stalled", "unreadable", "not_taken", "never_arrived"}
