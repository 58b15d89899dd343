"""Memory and the latency of small uploads while many large ones trickle in."""

from pathlib import Path
from typing import Any

from service.images import MAX_BYTES
from tests.load import generator, photos, requests, servers, slow
from tests.load import measure as processes
from tests.load.generator import Load
from tests.load.outcome import Chart, NotMeasurable, Outcome
from tests.load.slow import Slow

MANY = 500
LEVELS = {50: (2.0, 8.0), 150: (3.0, 12.0), MANY: (15.0, 36.0)}
"""How many slow uploads; over how many seconds they begin, and how long each takes."""
SMALL_RATE, SMALL_CONNECTIONS = 40.0, 2
ALONE_SECONDS = 12.0
WARM_UP_SECONDS = 2.0
MB = 1_000_000


def measure(folder: Path) -> Outcome:
    """A fresh service for each number of uploads; before they begin it has taken others for a while."""
    outcome = Outcome()
    image = photos.jpeg(MAX_BYTES)
    large = requests.saved(folder, "large", requests.upload(image))
    small = requests.saved(folder, "small", requests.upload(photos.jpeg(30_000)))
    usual = requests.saved(folder, "usual", requests.upload(photos.jpeg(100_000)))
    growths: dict[int, float] = {0: 0.0}
    for count, (stagger, seconds) in LEVELS.items():
        with servers.local_storage(folder) as settings, servers.service(settings) as service:
            port = service.port
            generator.run(Load(port=port, request=usual, expect=202, seconds=WARM_UP_SECONDS))
            small_load = Load(
                port=port,
                request=small,
                expect=202,
                seconds=ALONE_SECONDS,
                connections=SMALL_CONNECTIONS,
                rate=SMALL_RATE,
            )
            alone = generator.run(small_load) if count == MANY else None
            before = processes.resident(service.pid)
            processes.reset_peak(service.pid)
            uploading = slow.start(Slow(port=port, request=large, count=count, stagger=stagger, seconds=seconds))
            beside = None
            if alone:
                whole = Load(**{**vars(small_load), "seconds": stagger + seconds + 5})
                beside = generator.run(whole)
            ended = slow.finish(uploading)
            growths[count] = (processes.peak(service.pid) - before) / MB
            facts: dict[str, Any] = {"statuses": ended.statuses, "MB before": before / MB, "MB growth": growths[count]}
            facts["bytes of each"] = len(image)
            facts["seconds that all were sending"] = ended.first_complete - ended.all_under_way
            outcome.raw[f"{count} uploads"] = facts
            if alone and beside:
                outcome.values["memory.accepted"] = float(ended.statuses.get("202", 0))
                outcome.values["memory.p99"] = _latency(facts, alone, beside, ended)
    outcome.values["memory.growth"] = growths[MANY]
    outcome.charts.append(
        Chart(
            "memory_over_uploads",
            "Growth of the service's memory",
            "concurrent slow uploads of 5 MB",
            "MB",
            [float(count) for count in growths],
            {"growth": list(growths.values()), "goal at 500": [None] * len(LEVELS) + [64.0]},
        )
    )
    return outcome


def _latency(
    facts: dict[str, Any], alone: generator.Result, beside: generator.Result, ended: slow.Result
) -> float | str:
    """The ratio of the two p99 while every one of the slow uploads was still sending.

    At their end each becomes a PUT of 5 MB, for which the local AWS blocks everybody; that figure stands beside it.
    """
    if alone.bad or beside.bad:
        return f"{alone.bad + beside.bad} of the small uploads failed"
    during = beside.p99(ended.all_under_way, ended.first_complete)
    facts["p99 of a small upload in ms"] = {
        "alone": 1000 * alone.p99(),
        "while all were sending": 1000 * during,
        "until the last was accepted": 1000 * beside.p99(),
    }
    if ended.all_under_way >= ended.first_complete:
        raise NotMeasurable("the slow uploads were never all under way at once")
    return during / alone.p99()
