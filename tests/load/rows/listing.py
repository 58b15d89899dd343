"""Lists of a user with 100,000 images against one with 100: the first page, and one in the middle.

The local AWS sorts a whole partition for each query, which DynamoDB does not. So the same pages are also timed with
what it answered given from memory: that is the service's own time.
"""

import http.client
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from urllib.parse import quote
from uuid import UUID

from service.http.parameters import write_cursor
from service.images import Receipt, Record, Status, Variant
from service.storage.catalog import Filters
from tests.load import servers
from tests.load.outcome import NotMeasurable, Outcome
from tests.load.recorder import recording
from tests.load.seeded import storage_with

FEW, MANY = 100, 100_000
PAGE = 50
TIMES, LEAST_TIMES, ENOUGH_SECONDS = 50, 2, 8.0
"""A page is asked for 50 times; when it is slow, for so many seconds but at least twice."""
SETTLING_SECONDS = 10.0
"""How long the emulator may go on with a query that nobody waits for any more."""
START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
PAGES = {
    "first page of 100": ("few", None),
    "middle page of 100": ("few", FEW * 3 // 4),
    "first page of 100,000": ("many", None),
    "middle page of 100,000": ("many", MANY // 2),
}
"""User, and the number of the image that the page begins behind; newer images have higher numbers."""


def measure(folder: Path) -> Outcome:
    """Whole times, and the service's own."""
    with (
        storage_with(folder, {"few": FEW, "many": MANY}, _record) as settings,
        recording(str(settings.endpoint_dynamodb)) as recorder,
        servers.service(settings, AWS_ENDPOINT_URL_DYNAMODB=recorder.url) as service,
    ):
        whole = {name: _times(service, *page) for name, page in PAGES.items()}
        recorder.replaying = True
        own = {name: _times(service, *page) for name, page in PAGES.items()}
    return Outcome(
        {
            "list.whole": _ratio(whole, "first page"),
            "list.middle": _ratio(whole, "middle page"),
            "list.own": _ratio(own, "first page"),
        },
        {
            "median milliseconds, whole": _milliseconds(whole),
            "median milliseconds, DynamoDB's answers from memory": _milliseconds(own),
            "requests": {name: len(times) for name, times in whole.items()},
        },
    )


def _milliseconds(times: dict[str, list[float]]) -> dict[str, float | None]:
    return {name: 1000 * median(each) if each else None for name, each in times.items()}


def _ratio(times: dict[str, list[float]], page: str) -> float | str:
    few, many = times[f"{page} of 100"], times[f"{page} of 100,000"]
    if not few or not many:
        return "the emulator takes longer for it than the service waits for DynamoDB"
    return median(many) / median(few)


def _times(service: servers.Server, user: str, behind: int | None) -> list[float]:
    """Seconds of each request, over one connection; none when DynamoDB has not answered in time."""
    cursor = "" if behind is None else "&cursor=" + quote(write_cursor(_image_id(behind), Filters()))
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)

    def ask() -> int:
        connection.request("GET", f"/v1/images?limit={PAGE}{cursor}", headers={"X-User-Id": user})
        answer = connection.getresponse()
        said = answer.read()
        if answer.status not in (200, 503) or (answer.status == 200 and len(json.loads(said)["images"]) != PAGE):
            raise NotMeasurable(f"a page is not what it should be: {answer.status} {said[:200]!r}")
        return answer.status

    taken: list[float] = []
    end = time.monotonic() + ENOUGH_SECONDS
    while len(taken) < TIMES and (len(taken) < LEAST_TIMES or time.monotonic() < end):
        begin = time.perf_counter()
        if ask() == 503:
            connection.close()
            time.sleep(SETTLING_SECONDS)
            return []
        taken.append(time.perf_counter() - begin)
    connection.close()
    return taken


def _image_id(number: int) -> str:
    """The id of an image that came so many minutes after the first."""
    return str(UUID(int=(START + number * 60_000) << 80 | 0x7 << 76 | 0x2 << 62 | number))


def _record(user: str, number: int) -> Record:
    receipt = Receipt(
        user_id=user,
        image_id=_image_id(number),
        content_type="image/jpeg",
        size=2_400_000,
        sha256=f"{number:064x}",
        width=4000,
        height=3000,
        frames=1,
        filename=f"IMG_{number}.jpg",
        tags=("holiday",),
    )
    variants = {
        "preview": Variant(width=1024, height=768, size=90_000),
        "thumb": Variant(width=256, height=192, size=9_000),
    }
    updated = datetime.fromtimestamp(START / 1000 + number * 60, UTC)
    placeholder = "3OcRJYB4d3h/iIeHeEh3eIhw+j2w"
    return Record(receipt=receipt, status=Status.READY, updated_at=updated, placeholder=placeholder, variants=variants)
