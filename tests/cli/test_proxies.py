"""A forward proxy between the command line and the service, as HTTP_PROXY, HTTPS_PROXY and NO_PROXY say it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from yarl import URL

from service.client import Client
from service.doctor.serving import check_service
from service.findings import Examination, State
from service.remote.errors import ImagesError
from service.remote.proxies import proxy_for
from service.storage.checkup.reach import check_reach
from tests.api.processes import Ended, run
from tests.cli.conftest import BARE
from tests.cli.forward import carry, forward, secret_of
from tests.cli.odd import Odd, odd, says
from tests.cli.test_retries import ID, QUICK, USAGE, delivers
from tests.local_aws import free_port

NAME = "images.example"
PASSWORD = "p%C3%A4ss%20word"
SECRET = secret_of("me", "p\u00e4ss word")


def port_of(server: Odd) -> int:
    """Where it listens."""
    return urlsplit(server.url).port or 0


async def usage(proxy: str, folder: Path, *words: str, url: str = f"http://{NAME}", **environment: str) -> Ended:
    """`cloud-images usage` behind a proxy."""
    around = {**BARE, "http_proxy": proxy, "HTTPS_PROXY": proxy, "CLOUD_IMAGES_URL": url, **environment}
    return await run(around, "usage", *(words or ("--user", "alice")), cwd=folder)


def sent(server: Odd) -> list[dict[str, str]]:
    """The headers of the requests that came through."""
    return [{name.lower(): text for name, text in asked.headers.items()} for asked in server.asked]


async def test_http(tmp_path: Path) -> None:
    """Asked by its name, which only the proxy has to know."""
    async with odd(USAGE) as server, forward({f"{NAME}:80": port_of(server)}) as proxy:
        ended = await usage(proxy.url.removeprefix("http://"), tmp_path)
        assert (ended.code, ended.err) == (0, "")
    assert proxy.lines == [f"GET http://{NAME}/v1/usage"]
    assert sent(server)[0]["x-user-id"] == "alice"


async def test_https(tmp_path: Path) -> None:
    """Through a tunnel: the proxy sees the host, and nothing of who is asking."""
    async with odd(USAGE) as server, with_tls(server, tmp_path) as (port, trusted):
        async with forward({f"{NAME}:443": port}, SECRET) as proxy:
            there = proxy.url.replace("http://", f"http://me:{PASSWORD}@")
            ended = await usage(
                there, tmp_path, "--token", "secret-token", url=f"https://{NAME}", SSL_CERT_FILE=str(trusted)
            )
        assert (ended.code, ended.err) == (0, "")
    assert proxy.lines == [f"CONNECT {NAME}:443"]
    assert "secret-token" not in str(proxy.asked)
    assert sent(server)[0]["authorization"] == "Bearer secret-token"
    assert "proxy-authorization" not in sent(server)[0]


@pytest.mark.parametrize("words", [("--token", "t"), ("--user", "alice")], ids=["token", "user"])
async def test_netrc_stays_at_home(words: tuple[str, str], tmp_path: Path) -> None:
    """Its passwords are for others to use: they neither go along, nor get in the way of a token."""
    (tmp_path / ".netrc").write_text(f"machine {NAME} login me password secret\ndefault login me password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    async with odd(USAGE) as server, forward({f"{NAME}:80": port_of(server)}) as proxy:
        ended = await usage(proxy.url, tmp_path, *words, HOME=str(tmp_path), NETRC=str(tmp_path / ".netrc"))
    assert (ended.code, ended.err) == (0, "")
    assert sent(server)[0].get("authorization") == ("Bearer t" if "t" in words else None)
    assert "proxy-authorization" not in proxy.asked[0][1]


async def test_this_machine(tmp_path: Path) -> None:
    """It is never asked through a proxy, as browsers have it."""
    async with odd(USAGE) as server, forward({}) as proxy:
        for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
            assert (await usage(proxy.url, tmp_path, url=url)).code == 0
    assert proxy.asked == []


async def test_a_presigned_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 is another host, with its own way: the same proxy, and its signature unharmed."""
    there = "http://s3.example:9000/bucket/content?X-Amz-Signature=a%2Fb"
    async with odd(delivers(b"abc")) as s3, odd(delivers(says(302, Location=there))) as server:
        names = {f"{NAME}:80": port_of(server), "s3.example:9000": port_of(s3)}
        async with forward(names, SECRET) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("http://", f"http://me:{PASSWORD}@"))
            async with Client(f"http://{NAME}", user="alice", retries=QUICK) as client:
                assert await client.content(ID) == b"abc"
    assert proxy.lines[-1] == f"GET {there}"
    assert "x-user-id" not in sent(s3)[0]


async def test_trouble_with_the_proxy(tmp_path: Path) -> None:
    """It is told as such, in one line, without the password."""
    gone = f"127.0.0.1:{free_port()}"
    for url in (f"http://{NAME}", f"https://{NAME}"):
        ended = await usage(f"http://me:{PASSWORD}@{gone}", tmp_path, url=url)
        assert ended.complaint == f"cloud-images: The proxy {gone} does not answer: Connection refused."
        async with forward({}, SECRET) as proxy:
            wrong = await usage(proxy.url.replace("http://", "http://me:wr0ng@"), tmp_path, url=url)
        assert "http://user:password@proxy:3128" in wrong.complaint
        assert "wr0ng" not in wrong.err
        assert len(proxy.asked) == 1, "it is not tried again"
        async with forward({}, SECRET) as proxy:
            wrong = await usage(
                proxy.url.replace("http://", "http://me:wr0ng@"), tmp_path, "--user", "alice", "--debug", url=url
            )
        assert "Traceback" in wrong.err
        assert "wr0ng" not in wrong.err
    async with forward({}) as proxy:
        ended = await usage(proxy.url, tmp_path, url=f"https://{NAME}")
    assert f"The proxy does not let through to https://{NAME}: 403 Not There." in ended.complaint
    ended = await usage("socks5://127.0.0.1:1", tmp_path)
    assert "one looks like http://proxy:3128" in ended.complaint


async def test_doctor_goes_the_same_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it says of a service is what the other commands will meet."""
    (tmp_path / "netrc").write_text("default login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    health = says(200, {"status": "ok"})
    async with odd(health) as server, forward({f"{NAME}:80": port_of(server)}, SECRET) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("http://", f"http://me:{PASSWORD}@"))
        for url in (server.url, f"http://{NAME}"):
            examination = Examination(lambda _: None)
            await check_service(examination, url)
            assert examination.good("service")
        assert set(proxy.lines) == {f"GET http://{NAME}{path}" for path in ("/healthz", "/readyz", "/openapi.json")}
        assert not any("authorization" in headers for headers in sent(server))
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("http://", "http://me:wr0ng@"))
        for wrong in (f"https://{NAME}", "http://a.example"):
            monkeypatch.setenv("HTTP_PROXY", "socks5://me:wr0ng@proxy")
            examination = Examination(lambda _: None)
            await check_service(examination, wrong)
            (found,) = [one for one in examination.findings if one.what == "service"]
            assert found.state is State.WRONG
            assert "wr0ng" not in f"{found}"


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_doctor_keeps_the_password_to_itself(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the way to AWS, which is botocore's: right, it opens the proxy; wrong, it is not in what is said."""
    for known, said in ((f"me:{PASSWORD}", "403"), ("me:wr0ng", "407")):
        async with forward({}, SECRET) as proxy:
            for name in ("HTTP_PROXY", "HTTPS_PROXY"):
                monkeypatch.setenv(name, proxy.url.replace("http://", f"http://{known}@"))
            examination = Examination(lambda _: None)
            await check_reach(examination, {"s3": f"{scheme}://{NAME}"})
        found = examination.findings[0]
        assert (found.state, len(proxy.asked)) == (State.WRONG, 1)
        assert said in found.seen
        assert "wr0ng" not in f"{found}"


PROXY = "http://proxy:3128"
CASES: list[tuple[dict[str, str], str, str | None]] = [
    ({}, "http://a.example", None),
    ({"HTTP_PROXY": PROXY}, "http://a.example", PROXY),
    ({"HTTP_PROXY": PROXY}, "https://a.example", None),
    ({"HTTPS_PROXY": PROXY}, "https://a.example", PROXY),
    ({"HTTPS_PROXY": "proxy:3128"}, "https://a.example", PROXY),
    ({"ALL_PROXY": PROXY}, "https://a.example", PROXY),
    ({"HTTP_PROXY": "http://other:1", "http_proxy": PROXY}, "http://a.example", PROXY),
    ({"HTTP_PROXY": PROXY, "http_proxy": ""}, "http://a.example", None),
    ({"HTTP_PROXY": PROXY, "NO_PROXY": "*"}, "http://a.example", None),
    ({"HTTP_PROXY": PROXY, "NO_PROXY": "b.example, .example"}, "http://a.example", None),
    ({"HTTP_PROXY": PROXY, "NO_PROXY": "a.example:8080"}, "http://a.example:8080", None),
    ({"HTTP_PROXY": PROXY, "NO_PROXY": "a.example:8080"}, "http://a.example", PROXY),
    ({"HTTP_PROXY": PROXY, "NO_PROXY": "ample"}, "http://a.example", PROXY),
    ({"HTTP_PROXY": PROXY, "NO_PROXY": "10.0.0.7"}, "http://10.0.0.7:8080", None),
    ({"HTTP_PROXY": PROXY}, "http://127.9.9.9:8080", None),
    ({"HTTP_PROXY": PROXY}, "http://[::1]:8080", None),
    ({"HTTP_PROXY": PROXY}, "http://[2001:db8::1]:8080", PROXY),
    ({"HTTP_PROXY": PROXY, "NO_PROXY": "2001:db8::1"}, "http://[2001:db8::1]:8080", None),
    ({"HTTP_PROXY": PROXY, "NO_PROXY": "[2001:db8::1]"}, "http://[2001:db8::1]:8080", None),
    ({"HTTP_PROXY": PROXY}, "http://api.localhost", None),
    ({"HTTP_PROXY": PROXY}, "http://localhost.example", PROXY),
]


@pytest.mark.parametrize(("environment", "url", "proxy"), CASES)
def test_which_proxy(environment: dict[str, str], url: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Python's own clients have it, and this machine without."""
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    assert proxy_for(URL(url)) == (proxy and URL(proxy))


@pytest.mark.parametrize("text", ["socks5h://proxy:1", "http://", "http://[", "ftp://proxy"])
def test_no_proxy_at_all(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Going without it would be a way that the user did not want."""
    monkeypatch.setenv("ALL_PROXY", text)
    with pytest.raises(ImagesError, match="NO_PROXY"):
        proxy_for(URL("http://a.example"))


@asynccontextmanager
async def with_tls(server: Odd, folder: Path) -> AsyncIterator[tuple[int, Path]]:
    """A port on which it speaks https as NAME, and the certificate that is to be trusted for that."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
    pem = serialization.Encoding.PEM
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(pem))
    private.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, private)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to = await asyncio.open_connection("127.0.0.1", port_of(server))
        await asyncio.gather(carry(reader, to), carry(there, writer), return_exceptions=True)

    listening = await asyncio.start_server(relay, "127.0.0.1", 0, ssl=context)
    try:
        yield listening.sockets[0].getsockname()[1], certificate
    finally:
        listening.close()
