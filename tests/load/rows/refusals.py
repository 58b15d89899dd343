"""How much faster the service refuses than it accepts: bodies of 100 KB over the same eight connections, in turns."""

from pathlib import Path
from statistics import median

from tests.load import generator, photos, requests, servers
from tests.load import measure as processes
from tests.load.generator import Load
from tests.load.outcome import NotMeasurable, Outcome

TURNS, TURN_SECONDS, WARM_UP_SECONDS = 4, 1.5, 0.5
ACCEPTED, BY_HEADERS, BY_BYTES = "accepted", "refused by headers", "refused by first bytes"


def measure(folder: Path) -> Outcome:
    """The lower of the two ratios: refused by the headers, and by the first bytes. The body is sent in both cases."""
    image = photos.jpeg(100_000)
    kinds = {
        ACCEPTED: (requests.upload(image), 202),
        BY_HEADERS: (requests.post("/v1/images", "application/pdf", image), 400),
        BY_BYTES: (requests.post("/v1/images", "image/jpeg", b"%PDF-1.7\n" + image[9:]), 400),
    }
    rates: dict[str, list[float]] = {name: [] for name in kinds}
    costs: dict[str, list[float]] = {name: [] for name in kinds}
    with servers.local_storage(folder) as settings, servers.service(settings) as service:
        for turn in range(TURNS + 1):
            for name, (request, status) in kinds.items():
                load = Load(
                    port=service.port,
                    request=requests.saved(folder, "request", request),
                    expect=status,
                    seconds=TURN_SECONDS if turn else WARM_UP_SECONDS,
                )
                before = processes.cpu(service.pid)
                result = generator.run(load)
                used = processes.cpu(service.pid) - before
                if result.bad:
                    raise NotMeasurable(f"{result.bad} answers to what should be {name}: {result.statuses}")
                if turn:
                    rates[name].append(result.rate)
                    costs[name].append(1000 * used / result.count)
    ratios = {name: processes.ratio_of_rounds(rates[name], rates[ACCEPTED]) for name in (BY_HEADERS, BY_BYTES)}
    return Outcome(
        {"refusals.rate": min(ratios.values())},
        {
            "ratios": ratios,
            "answers per second, turn by turn": rates,
            "milliseconds of CPU per answer": {name: median(each) for name, each in costs.items()},
        },
    )
