"""Two service processes against one, while the machine has idle cores.

On a small machine the load and the storage take the cores that a second process would need. So each process is held to
a small share of a core where that is possible: then there is idle time for two of them on any machine.
"""

from contextlib import ExitStack
from pathlib import Path

from service.settings import Settings
from tests.load import generator, photos, requests, servers
from tests.load import measure as processes
from tests.load.generator import Load
from tests.load.outcome import Chart, NotMeasurable, Outcome
from tests.load.shares import NoGroups, of_a_core

SHARE = 0.1
ROUNDS, SECONDS, CHART_SECONDS, WARM_UP_SECONDS = 3, 4.0, 1.2, 1.0
CONNECTIONS = 32
MORE_AND_MORE = [1, 2, 4, 8, 16, 32]
REFUSED, ACCEPTED = "refused", "accepted"


def measure(folder: Path) -> Outcome:
    """Refusals by the first bytes, and accepted uploads of 10 KB, in turns."""
    outcome = Outcome()
    image = photos.jpeg(10_000)
    kinds = {
        REFUSED: (
            requests.saved(folder, "refused", requests.post("/v1/images", "image/jpeg", b"%PDF" + image[4:])),
            400,
        ),
        ACCEPTED: (requests.saved(folder, "accepted", requests.upload(image)), 202),
    }
    with ExitStack() as running:
        settings = running.enter_context(servers.local_storage(folder))
        counts = {1: running.enter_context(servers.service(settings))}
        try:
            counts[2] = running.enter_context(servers.service(settings, "--processes", "2"))
        except NotMeasurable as error:
            unknown = any("No such option" in note for note in error.__notes__)
            reason = "this version has no --processes" if unknown else str(error)
            outcome.values |= {f"processes.{name}": reason for name in kinds}
        for service in counts.values():
            for request, status in kinds.values():
                generator.run(Load(port=service.port, request=request, expect=status, seconds=WARM_UP_SECONDS))
        try:
            running.enter_context(of_a_core([pid for one in counts.values() for pid in processes.tree(one.pid)], SHARE))
            outcome.raw["share of a core that each process had"] = SHARE
        except NoGroups as error:
            # Without them the load and the storage may need the core that the second process is to have.
            outcome.values |= {f"processes.{name}": f"no shares of a core: {error}" for name in kinds}
        if 2 in counts and not any(isinstance(value, str) for value in outcome.values.values()):
            _compare(outcome, settings, counts, kinds)
        _draw(outcome, counts, kinds)
    return outcome


def _compare(
    outcome: Outcome, settings: Settings, counts: dict[int, servers.Server], kinds: dict[str, tuple[str, int]]
) -> None:
    for name, (request, status) in kinds.items():
        rates: dict[int, list[float]] = {count: [] for count in counts}
        idle: dict[int, list[float]] = {count: [] for count in counts}
        for _ in range(ROUNDS):
            servers.emptied(settings)
            for count, service in counts.items():
                load = Load(port=service.port, request=request, expect=status, seconds=SECONDS, connections=CONNECTIONS)
                before = processes.idle()
                rates[count].append(_good(load).rate)
                after = processes.idle()
                idle[count].append((after[0] - before[0]) / (after[1] - before[1]))
        outcome.values[f"processes.{name}"] = processes.ratio_of_rounds(rates[2], rates[1])
        outcome.raw[name] = {"answers per second": rates, "idle part of the machine": idle}


def _draw(outcome: Outcome, counts: dict[int, servers.Server], kinds: dict[str, tuple[str, int]]) -> None:
    lines: dict[str, list[float | None]] = {}
    for count, service in counts.items():
        for name, (request, status) in kinds.items():
            lines[f"{name}, {count} process{'es' if count > 1 else ''}"] = [
                _good(
                    Load(port=service.port, request=request, expect=status, seconds=CHART_SECONDS, connections=many)
                ).rate
                for many in MORE_AND_MORE
            ]
    outcome.raw["answers per second over connections"] = {"connections": MORE_AND_MORE, **lines}
    held = outcome.raw.get("share of a core that each process had")
    title = "Answers to 10 KB bodies" + (f", each process held to {held:.0%} of a core" if held else "")
    outcome.charts.append(
        Chart(
            "throughput_over_connections",
            title,
            "connections",
            "answers per second",
            [float(many) for many in MORE_AND_MORE],
            lines,
            logarithmic=True,
        )
    )


def _good(load: Load) -> generator.Result:
    result = generator.run(load)
    if result.bad:
        raise NotMeasurable(f"{result.bad} answers were not {load.expect}: {result.statuses}")
    return result
