"""Cold start of the two Lambda functions: `python -m tests.load.cold_start [RUNS]`.

Prints, for each handler, the median over RUNS fresh processes: `import` is what `python -X importtime` says of
everything that the handler imports, `open` what the handler then does before its first event (clients, socket),
`whole` the wall time of the process. And which modules it would not need to load.
"""

import os
import re
import statistics
import subprocess
import sys
import time

HANDLERS = {"service": "service.aws_lambda", "worker": "worker.aws_lambda"}
FOREIGN = {
    "service": ("PIL", "prometheus_client", "thash", "typer", "uvloop", "worker"),
    "worker": ("PIL", "thash", "typer", "uvloop", "multipart", "aiohttp.web", "service.http"),
}
"""What the other function, or only the command line, needs."""
LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| +([\w.]+)")


def measure(handler: str) -> tuple[tuple[float, float, float], set[str]]:
    """Import, open and whole in milliseconds, and the modules that were loaded."""
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    command = [sys.executable, "-X", "importtime", "-c", f"import {handler}"]
    begin = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    whole = time.perf_counter() - begin
    own = {name: int(microseconds) / 1000 for microseconds, name in LINE.findall(done.stderr)}
    # What the handler's module takes by itself is not importing: it opens what the invocations share.
    opening = own.pop(handler)
    return (sum(own.values()), opening, whole * 1000), set(own)


def main() -> None:
    """Print one line a handler."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    print(f"{'function':10}{'import ms':>10}{'open ms':>10}{'whole ms':>10}{'modules':>10}  loads in vain")
    for name, handler in HANDLERS.items():
        measured = [measure(handler) for _ in range(runs)]
        times = [statistics.median(times) for times in zip(*(times for times, _ in measured), strict=True)]
        modules = measured[0][1]
        vain = [module for module in FOREIGN[name] if module in modules]
        columns = "".join(f"{milliseconds:10.0f}" for milliseconds in times)
        print(f"{name:10}{columns}{len(modules):10}  {', '.join(vain) or 'nothing'}")


if __name__ == "__main__":
    main()
