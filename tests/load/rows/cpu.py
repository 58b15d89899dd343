"""CPU per accepted upload: the service, multer-s3 and the floor, in turns, over one local AWS.

The turns are short and many, and the ratios are taken turn by turn: what else the machine does disturbs all alike.
"""

from contextlib import ExitStack
from pathlib import Path
from statistics import median

from tests.load import generator, photos, requests, servers
from tests.load import measure as processes
from tests.load.generator import Load
from tests.load.outcome import Chart, NotMeasurable, Outcome

SIZES = {10: 1, 30: 1, 100: 5, 300: 1, 1200: 5, 5000: 1}
"""Image sizes in units of 1000 bytes, and how many turns each server gets; those with a goal get more."""
TURN_SECONDS = 1.5
WARM_UP_SECONDS, FIRST_WARM_UP_SECONDS = 0.5, 3.0
"""Before each size, and before the first: node compiles what it runs often."""
RAW, FORM, MULTER, FLOOR = "service, raw", "service, multipart", "multer-s3", "floor"


def measure(folder: Path) -> Outcome:
    """All sizes; without node there is no ratio to multer-s3."""
    outcome = Outcome()
    costs: dict[int, dict[str, list[float]]] = {}
    with ExitStack() as running:
        settings = running.enter_context(servers.local_storage(folder))
        service = running.enter_context(servers.service(settings))
        answering = {RAW: (service, 202), FORM: (service, 202)}
        answering[FLOOR] = running.enter_context(servers.floor(settings)), 201
        missing = ""
        try:
            answering[MULTER] = running.enter_context(servers.multer(settings)), 201
        except NotMeasurable as error:
            missing = str(error)
        warm_up = FIRST_WARM_UP_SECONDS
        for size, turns in SIZES.items():
            image = photos.jpeg(size * 1000)
            sent = {
                RAW: requests.upload(image),
                FORM: requests.form(image),
                FLOOR: requests.post("/upload", "image/jpeg", image),
                MULTER: requests.form(image, "/upload"),
            }
            costs[size] = {name: [] for name in answering}
            for turn in range(turns + 1):
                servers.emptied(settings)
                for name, (server, expect) in answering.items():
                    request = requests.saved(folder, "request", sent[name])
                    seconds = TURN_SECONDS if turn else warm_up
                    cost = _milliseconds(
                        server, Load(port=server.port, request=request, expect=expect, seconds=seconds)
                    )
                    if turn:
                        costs[size][name].append(cost)
            warm_up = WARM_UP_SECONDS
    _compare(outcome, costs, missing)
    return outcome


def _milliseconds(server: servers.Server, load: Load) -> float:
    """CPU of the server's process tree per accepted upload."""
    before = processes.cpu(server.pid)
    result = generator.run(load)
    used = processes.cpu(server.pid) - before
    if result.bad:
        raise NotMeasurable(f"{result.bad} uploads were not accepted: {result.statuses}")
    return 1000 * used / result.count


def _compare(outcome: Outcome, costs: dict[int, dict[str, list[float]]], missing: str) -> None:
    for size in (100, 1200):
        for name, ours, theirs in (
            ("raw_multer", RAW, MULTER),
            ("form_multer", FORM, MULTER),
            ("raw_floor", RAW, FLOOR),
        ):
            one, other = costs[size].get(ours), costs[size].get(theirs)
            key = f"cpu.{name}_{size}k"
            outcome.values[key] = processes.ratio_of_rounds(one, other) if one and other else missing
    outcome.raw["milliseconds of CPU per upload, turn by turn"] = {f"{size} KB": each for size, each in costs.items()}
    lines: dict[str, list[float | None]] = {
        name: [median(costs[size][name]) if name in costs[size] else None for size in SIZES]
        for name in (RAW, FORM, MULTER, FLOOR)
    }
    outcome.charts.append(
        Chart(
            "cpu_over_size",
            "CPU of the server per accepted upload",
            "size of the image in KB",
            "milliseconds",
            [float(size) for size in SIZES],
            lines,
            logarithmic=True,
        )
    )
