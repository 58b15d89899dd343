"""A service that runs already: does it answer, does AWS answer it, and is it of this version?"""

import importlib.metadata
from typing import Any

import aiohttp
from yarl import URL

from service.findings import Examination, warn, wrong
from service.remote.errors import ImagesError
from service.remote.proxies import way_to

SERVICE = "service"
DISTRIBUTION = "cloud-image-service"


async def check_service(examination: Examination, url: str) -> None:
    """`/healthz`, `/readyz`, and the version in `/openapi.json`."""
    base = url.rstrip("/")

    async def alive() -> str:
        status, said = await _get(f"{base}/healthz")
        if status != 200 or said.get("status") != "ok":
            wrong(f"{base}/healthz answers {status}", f"see what answers at {base}, and CLOUD_IMAGES_URL")
        return f"{base} answers"

    async def ready() -> str:
        status, said = await _get(f"{base}/readyz")
        away = [part for part, state in (said.get("checks") or {}).items() if state != "ok"]
        if status != 200:
            wrong(
                f"it says that {', '.join(away) or 'a part of AWS'} does not answer it",
                "run `cloud-images doctor` where the service runs, with its settings",
            )
        return "S3, SQS and DynamoDB answer it"

    async def version() -> str:
        status, said = await _get(f"{base}/openapi.json")
        there, here = str(said.get("info", {}).get("version")), importlib.metadata.version(DISTRIBUTION)
        if status != 200 or there != here:
            warn(f"it is of version {there}, this command of {here}", "update the older one")
        return f"{there}, as this command"

    await examination.check(SERVICE, alive, late=f"see what answers at {base}")
    await examination.check("service ready", ready, SERVICE)
    await examination.check("service version", version, SERVICE)


async def _get(url: str) -> tuple[int, dict[str, Any]]:
    """By the way that the other commands go."""
    mend = "start it (run: cloud-images serve), or mend CLOUD_IMAGES_URL"
    try:
        way = way_to(URL(url), {})
        async with aiohttp.ClientSession() as session, session.get(url, allow_redirects=False, **way) as answer:
            said = await answer.json(content_type=None)
            return answer.status, said if isinstance(said, dict) else {}
    except aiohttp.ClientError as error:
        wrong(f"{url} does not answer: {error}", mend)
    except ImagesError as error:
        wrong(str(error), "mend HTTP_PROXY, HTTPS_PROXY or ALL_PROXY")
    except ValueError:
        wrong(f"what answers at {url} is not this service", mend)
