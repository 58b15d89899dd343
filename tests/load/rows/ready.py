"""From sending an upload to its being `ready`, with nothing else to do, against the bare sequence of the same calls.

Asked in both ways that clients have: by one POST that waits, and by a GET that waits after a POST that does not.
"""

import http.client
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from service.settings import Settings
from tests.api.processes import environment
from tests.load import photos, requests, servers
from tests.load.outcome import NotMeasurable, Outcome

BLOCKS, TIMES = 4, 12
PAUSE_SECONDS = 0.05
PHASE_SECONDS = 0.1
"""What the emulator's long poll sleeps at a time; pauses differ by up to it, so uploads come at all points of it."""
STARTING_TIMES, WARM_UPS = 12, 5
WAIT = {"Prefer": "wait=10"}


def measure(folder: Path) -> Outcome:
    """Medians, in blocks by turns; of the two ways of asking the slower one counts."""
    image = photos.jpeg(30_000)
    file = folder / "small.jpg"
    file.write_bytes(image)
    by_post: list[float] = []
    by_get: list[float] = []
    bare: dict[str, list[float]] = {"sequence": [], "lag": []}
    with (
        servers.local_storage(folder) as settings,
        servers.service(settings) as service,
        servers.worker(settings),
    ):
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        _until_working(connection, image)
        for _ in range(BLOCKS):
            by_post += [_post(connection, image) for _ in range(TIMES)]
            by_get += [_post_and_get(connection, image) for _ in range(TIMES)]
            for name, seconds in _bare(settings, file).items():
                bare[name] += seconds
        connection.close()
    ours, theirs, lag = max(median(by_post), median(by_get)), median(bare["sequence"]), median(bare["lag"])
    return Outcome(
        {"ready.whole": ours / theirs, "ready.own": (ours - lag) / theirs},
        {
            "median milliseconds": {
                "POST with Prefer: wait": 1000 * median(by_post),
                "POST, then GET with Prefer: wait": 1000 * median(by_get),
                "bare sequence": 1000 * theirs,
                "the emulator's long poll, from a message's acceptance to its delivery": 1000 * lag,
            },
            "seconds": {"POST": by_post, "POST and GET": by_get, **bare},
        },
    )


def _until_working(connection: http.client.HTTPConnection, image: bytes) -> None:
    """The worker has started, and service and worker have done each thing a few times."""
    good = 0
    for _ in range(STARTING_TIMES):
        headers = {"Content-Type": "image/jpeg", **WAIT}
        good += _asked(connection, "POST", "/v1/images", image, headers)[0] == 201
        if good == WARM_UPS:
            return
    raise NotMeasurable("the worker does not work")


def _post(connection: http.client.HTTPConnection, image: bytes) -> float:
    time.sleep(PAUSE_SECONDS + random.uniform(0, PHASE_SECONDS))
    begin = time.perf_counter()
    _expect(_asked(connection, "POST", "/v1/images", image, {"Content-Type": "image/jpeg", **WAIT}), 201)
    return time.perf_counter() - begin


def _post_and_get(connection: http.client.HTTPConnection, image: bytes) -> float:
    time.sleep(PAUSE_SECONDS + random.uniform(0, PHASE_SECONDS))
    begin = time.perf_counter()
    status, receipt = _asked(connection, "POST", "/v1/images", image, {"Content-Type": "image/jpeg"})
    _expect((status, receipt), 202)
    answer = _asked(connection, "GET", f"/v1/images/{receipt['image_id']}", None, WAIT)
    _expect(answer, 200)
    if answer[1]["status"] != "ready":
        raise NotMeasurable(f"an image is {answer[1]['status']} instead of ready")
    return time.perf_counter() - begin


def _asked(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None, headers: dict[str, str]
) -> tuple[int, dict[str, str]]:
    connection.request(method, path, body, {"X-User-Id": requests.USER, **headers})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def _expect(answer: tuple[int, object], status: int) -> None:
    if answer[0] != status:
        raise NotMeasurable(f"an answer is {answer[0]} instead of {status}: {answer[1]}")


def _bare(settings: Settings, file: Path) -> dict[str, list[float]]:
    command = [sys.executable, "-m", "tests.load.peers.bare", str(settings.endpoint_s3)]
    command += [settings.bucket, settings.table, "bare", str(file), str(TIMES)]
    done = subprocess.run(command, cwd=servers.ROOT, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotMeasurable(f"the bare sequence fails: {done.stderr.strip()[-300:]}")
    measured: dict[str, list[float]] = json.loads(done.stdout)
    return measured
