"""What uploads cost on AWS, and what they need there: `python -m tests.load.capacity` prints the tables of
docs/capacity.md from the figures below.

Prices are list prices of us-east-1 in dollars. The document says which were looked up where, and when.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

RATES = (1_000, 100_000)
MILLION, GB = 1e6, 1e9
HOURS = 730
SECONDS = HOURS * 3600
"""Of a month."""

# Dollars. Steps are (how much of the month, price), cheapest last.
S3_PUT, S3_GET = 5.0, 0.4  # a million; DELETE is free
S3_GB_MONTH = ((50_000.0, 0.023), (450_000.0, 0.022), (float("inf"), 0.021))
SQS_MILLION = ((100_000.0, 0.40), (100_000.0, 0.30), (float("inf"), 0.24))
WRITE_UNIT, READ_UNIT, TABLE_GB_MONTH = 0.625, 0.125, 0.25  # a million, a million, a GB-month
WRITE_UNIT_HOUR, READ_UNIT_HOUR = 0.00065, 0.00013  # provisioned
VCPU_HOUR = 0.03238 + 2 * 0.00356  # Fargate on ARM with 2 GB a vCPU
SPOT = 0.3  # of that price
LCU_HOUR = 0.008  # of a load balancer; an LCU is 1 GB an hour
ENDPOINT_GB, NAT_GB = 0.01, 0.045
LAMBDA_GB_SECOND, LAMBDA_MILLION = 0.0000133334, 0.20  # ARM
HTTP_API_MILLION = ((300.0, 1.00), (float("inf"), 0.90))


@dataclass(frozen=True)
class Assumed:
    """One upload and its processing."""

    photo_bytes: float = 500_000
    thumb_bytes: float = 7_752
    preview_bytes: float = 62_640
    item_bytes: float = 495 + 100  # the record, and what DynamoDB adds for each item
    message_bytes: float = 3 * 1_500  # sent, received, deleted, with headers
    service_ms: float = 1.5  # of CPU for 100 KB …
    service_ms_mb: float = (3.5 - 1.5) / 1.1  # … and for each MB more
    worker_ms: float = 350  # of CPU for a JPEG of 12 megapixels
    utilisation: float = 0.6
    puts: float = 4  # staged; original, thumb, preview
    gets: float = 2  # staged; HEAD by a look at a queued image
    deletes: float = 1  # staged
    messages: float = 3  # requests to SQS: send, receive, delete; a tenth of it with full batches
    writes: float = 4  # write units: a record of less than 1 KB and the user's total, both twice in a transaction
    reads: float = 3  # read units: two by a look at a queued image, one when it is ready
    held: float = 8  # messages that a worker of two vCPUs has in flight


NOW = Assumed()


def stepped(amount: float, steps: Iterable[tuple[float, float]]) -> float:
    """The price of `amount`, each part of it at its step's price."""
    total = 0.0
    for size, price in steps:
        total += min(amount, size) * price
        amount -= min(amount, size)
    return total


def stored_bytes(a: Assumed) -> float:
    """What an upload leaves in S3."""
    return a.photo_bytes + a.thumb_bytes + a.preview_bytes


def vcpus(rate: float, a: Assumed = NOW) -> tuple[float, float]:
    """How many the service and the workers need."""
    service = a.service_ms + a.service_ms_mb * (a.photo_bytes - 100_000) / MILLION
    return rate * service / 1000 / a.utilisation, rate * a.worker_ms / 1000 / a.utilisation


def monthly(rate: float, a: Assumed = NOW) -> dict[str, float]:
    """Dollars a month by what they are for, at `rate` uploads a second all month; storage is not in it."""
    millions = rate * SECONDS / MILLION
    billions = rate * SECONDS / GB
    service, worker = vcpus(rate, a)
    return {
        "S3: PUT": millions * a.puts * S3_PUT,
        "S3: GET, HEAD": millions * a.gets * S3_GET,
        "SQS": stepped(millions * a.messages, SQS_MILLION),
        "DynamoDB: on-demand writes and reads": millions * (a.writes * WRITE_UNIT + a.reads * READ_UNIT),
        "Service on Fargate (ARM)": service * VCPU_HOUR * HOURS,
        "Workers on Fargate (ARM)": worker * VCPU_HOUR * HOURS,
        "Load balancer: bytes": billions * a.photo_bytes * LCU_HOUR,
        "SQS through an interface endpoint": billions * a.message_bytes * ENDPOINT_GB,
    }


def kept(rate: float, a: Assumed = NOW) -> tuple[float, float]:
    """Dollars for each month that one month's uploads are kept: S3, and the table."""
    billions = rate * SECONDS / GB
    return stepped(billions * stored_bytes(a), S3_GB_MONTH), billions * a.item_bytes * TABLE_GB_MONTH


def serverless(rate: float) -> float:
    """Dollars a month for two Lambda functions behind an HTTP API instead of containers behind a load balancer.

    The service has 1 GB for 0.06 s, a worker 2 GB for 0.55 s an image and five images an invocation.
    """
    millions = rate * SECONDS / MILLION
    functions = millions * (1.2 * LAMBDA_MILLION + (0.06 + 2 * 0.55) * MILLION * LAMBDA_GB_SECOND)
    return functions + stepped(millions, HTTP_API_MILLION)


def savings(rate: float) -> dict[str, float]:
    """Dollars a month that each change saves by itself; storage counted for one month."""

    def bill(a: Assumed) -> float:
        return sum((*monthly(rate, a).values(), *kept(rate, a)))

    def saved(**changes: float) -> float:
        return bill(NOW) - bill(replace(NOW, **changes))

    units = rate / 0.7 * HOURS * (NOW.writes * WRITE_UNIT_HOUR + NOW.reads * READ_UNIT_HOUR)
    costs = monthly(rate)
    http_api = stepped(rate * SECONDS / MILLION, HTTP_API_MILLION)
    through_nat = rate * SECONDS / GB * (2 * NOW.photo_bytes + stored_bytes(NOW)) * NAT_GB
    return {
        "Original put once, under its final key": saved(puts=NOW.puts - 1, deletes=0),
        "Thumb and preview in one object": saved(puts=NOW.puts - 1),
        "Preview only when asked for (if nobody asks)": saved(puts=NOW.puts - 1, preview_bytes=0),
        "Workers on Spot": costs["Workers on Fargate (ARM)"] * (1 - SPOT),
        "Worker CPU halved": saved(worker_ms=NOW.worker_ms / 2),
        "HTTP API instead of a load balancer": costs["Load balancer: bytes"] - http_api,
        "No DELETE of staged objects, if AWS bills them as POST": rate * SECONDS / MILLION * NOW.deletes * S3_PUT,
        "Full batches to and from SQS": saved(messages=NOW.messages / 10),
        "Provisioned table, 70 % used": costs["DynamoDB: on-demand writes and reads"] - units,
        "(assumed already) gateway endpoint for S3 instead of NAT": through_nat,
    }


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown; all columns but the first to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _dollars(amount: float) -> str:
    return f"{amount:,.0f}" if amount < 1e6 else f"{amount / 1e6:,.2f} million"


def _by_rate(first: str, rows: dict[str, list[str]]) -> str:
    return table([first, *(f"{rate:,}/s" for rate in RATES)], [[name, *cells] for name, cells in rows.items()])


def costs_table() -> str:
    """Dollars a month."""
    months = [monthly(rate) for rate in RATES]
    rows = {name: [_dollars(month[name]) for month in months] for name in months[0]}
    rows["**a month, without storage**"] = [f"**{_dollars(sum(month.values()))}**" for month in months]
    per_million = [sum(month.values()) / (rate * SECONDS / MILLION) for rate, month in zip(RATES, months, strict=True)]
    rows["for a million uploads"] = [f"{cost:,.2f}" for cost in per_million]
    rows["S3 storage, each month that a month's uploads are kept"] = [_dollars(kept(rate)[0]) for rate in RATES]
    rows["DynamoDB storage, likewise"] = [_dollars(kept(rate)[1]) for rate in RATES]
    rows["the same on Lambda: functions and HTTP API instead of Fargate and load balancer"] = [
        _dollars(serverless(rate)) for rate in RATES
    ]
    return _by_rate("dollars", rows)


def needs_table() -> str:
    """What there must be of everything."""
    rows: dict[str, list[str]] = {}

    def row(name: str, *amounts: float) -> None:
        rows[name] = [f"{amount:,.0f}" if amount >= 10 else f"{amount:,.1f}" for amount in amounts]

    row("vCPUs of the service", *(vcpus(rate)[0] for rate in RATES))
    row("vCPUs of workers", *(vcpus(rate)[1] for rate in RATES))
    row("S3 writes (PUT, DELETE) a second", *(rate * (NOW.puts + NOW.deletes) for rate in RATES))
    row("… in partitions of 3,500 at least", *(rate * (NOW.puts + NOW.deletes) / 3500 for rate in RATES))
    row("S3 reads a second", *(rate * NOW.gets for rate in RATES))
    row("SQS requests a second", *(rate * NOW.messages for rate in RATES))
    row("messages in flight (8 a worker of 2 vCPUs)", *(vcpus(rate)[1] / 2 * NOW.held for rate in RATES))
    row("write units a second", *(rate * NOW.writes for rate in RATES))
    row("read units a second", *(rate * NOW.reads for rate in RATES))
    row("Gbit/s from clients", *(rate * NOW.photo_bytes * 8 / GB for rate in RATES))
    row("TB a day into S3 for good", *(rate * 86_400 * stored_bytes(NOW) / 1e12 for rate in RATES))
    return _by_rate("needed", rows)


def savings_table() -> str:
    """Dollars a month saved."""
    saved = [savings(rate) for rate in RATES]
    return _by_rate("dollars a month saved", {name: [_dollars(one[name]) for one in saved] for name in saved[0]})


def assumed_table() -> str:
    """All that the other tables rest on."""
    return table(
        ["assumed", "value"],
        [[one.name.replace("_", " "), f"{getattr(NOW, one.name):,.6g}"] for one in fields(NOW)],
    )


TABLES = (assumed_table, needs_table, costs_table, savings_table)

if __name__ == "__main__":
    print("\n\n".join(make() for make in TABLES))
