"""Whether the way to AWS is open: name, connection, certificate, and that what answers there is AWS. And its clock."""

import asyncio
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp
from botocore.utils import get_environ_proxies
from yarl import URL

from service.findings import Examination, warn, wrong
from service.remote.proxies import way_through
from service.storage.aws import USER_AGENT, certificates
from service.storage.checkup.hints import CLOCK

CLOCK_NAME = "clock"
GRAIN_SECONDS = 2
"""AWS tells the time in whole seconds, and the answer takes a while."""
WARN_SECONDS, WRONG_SECONDS = 60, 300
"""AWS refuses signatures that are five minutes off (S3: 15).
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html"""
VARIABLE = "AWS_ENDPOINT_URL_{} or AWS_ENDPOINT"


def reach_of(part: str) -> str:
    """The name of the check whether `s3`, `sqs` or `dynamodb` can be reached."""
    return f"{part} endpoint"


async def check_reach(examination: Examination, urls: dict[str, str]) -> None:
    """Each endpoint, and then the clock of those that answer; unsigned, so wrong credentials do not matter."""
    dates: dict[str, datetime] = {}
    known: dict[str, str] = {}
    for part, url in urls.items():
        if url in known:
            same = known[url]

            async def again(same: str = same) -> str:
                return f"the same as of {same}"

            await examination.check(reach_of(part), again, reach_of(same))
            continue
        known[url] = part

        async def look(part: str = part, url: str = url) -> str:
            dates[part] = await _ask(part, url)
            return f"{url} answers as AWS does"

        late = (
            f"open the way to {url} (firewall, security group, VPC endpoint), or mend {VARIABLE.format(part.upper())}"
        )
        await examination.check(reach_of(part), look, late=late)

    async def clock() -> str:
        return _skew(dates)

    reached = next((part for part in urls if part in dates), next(iter(urls)))
    await examination.check(CLOCK_NAME, clock, reach_of(reached))


async def _ask(part: str, url: str) -> datetime:
    """AWS's time there."""
    parts, variable = urlsplit(url), VARIABLE.format(part.upper())
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    proxy: str | None = get_environ_proxies(url).get(parts.scheme)
    if proxy is None:
        await _connect(host, port, variable)
    trusted = certificates() if parts.scheme == "https" else True
    proxy = f"http://{proxy}" if proxy and "://" not in proxy else proxy
    way = way_through(URL(proxy) if proxy else None, URL(url), {"User-Agent": USER_AGENT})
    try:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusted)) as session,
            session.get(url, allow_redirects=False, **way) as answer,
        ):
            headers = {name.lower(): text for name, text in answer.headers.items()}
            kind, status = answer.content_type, answer.status
    except (aiohttp.ClientSSLError, ssl.SSLError) as error:
        wrong(
            f"the certificate of {host} is not trusted: {error}",
            "name the certificates of your company's proxy in AWS_CA_BUNDLE, or mend the clock",
        )
    except aiohttp.ClientError as error:
        through = f" through the proxy {urlsplit(proxy).hostname}" if proxy else ""
        wrong(f"{url} does not answer{through}: {error}", f"mend {variable}, HTTPS_PROXY or NO_PROXY")
    if not any(name.startswith(("x-amz", "x-amzn", "x-localstack")) for name in headers):
        where = f", leading to {headers['location']}" if "location" in headers else ""
        wrong(
            f"what answers at {url} is not AWS (HTTP {status}, {kind}{where})",
            f"log in to the network, or mend {variable}, HTTPS_PROXY or NO_PROXY",
        )
    try:
        return parsedate_to_datetime(headers.get("date", "")).astimezone(UTC)
    except (ValueError, TypeError):
        return datetime.now(UTC)


async def _connect(host: str, port: int, variable: str) -> None:
    loop = asyncio.get_running_loop()
    try:
        await loop.getaddrinfo(host, port)
    except OSError as error:
        wrong(f"the name {host} is not known: {error.strerror or error}", f"mend {variable}, or this machine's DNS")
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError as error:
        wrong(
            f"nothing listens at {host}:{port}: {error.strerror or error}",
            f"start what should answer there, mend {variable}, or open the way (firewall, security group)",
        )
    writer.close()


def _skew(dates: dict[str, datetime]) -> str:
    here = datetime.now(UTC)
    seconds = max((round((here - there).total_seconds()) for there in dates.values()), key=abs)
    seen = f"{abs(seconds)} seconds {'ahead of' if seconds > 0 else 'behind'} AWS"
    if abs(seconds) > WRONG_SECONDS:
        wrong(f"{seen}: signatures are refused", CLOCK)
    if abs(seconds) > WARN_SECONDS:
        warn(f"{seen}: from {WRONG_SECONDS} on signatures are refused", CLOCK)
    return "as AWS's" if abs(seconds) <= GRAIN_SECONDS else seen
