"""All goals of speed and memory in one table: `python -m tests.load.bench [--only cpu,memory] [--out FOLDER]`.

Everything runs on this machine, over the loopback, and ends with the command. Exit codes: 0 all goals reached, 1 some
are not, 3 something could not be measured here, 2 the arguments make no sense.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.load import report
from tests.load.goals import GOALS
from tests.load.outcome import NotMeasurable, Outcome

ROOT = Path(__file__).parents[2]
OUT = Path("build/bench")
ROWS = tuple(dict.fromkeys(goal.row for goal in GOALS))


def main() -> None:
    """Measure, print, write."""
    if sys.platform != "linux":
        sys.exit("The benchmarks read Linux's /proc, which is not here.")
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--only", type=names, default=ROWS, metavar="ROW,…", help=f"some of {', '.join(ROWS)}")
    ask.add_argument("--out", type=Path, default=OUT, help=f"where bench.txt, bench.json and the charts go [{OUT}]")
    ask.add_argument("--charts", type=Path, metavar="PYTHON", help="draw charts with this Python, which has matplotlib")
    chosen = ask.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    _scrub_environment()
    sys.exit(_bench(chosen.only, chosen.out, chosen.charts))


def names(text: str) -> Sequence[str]:
    """The rows in a list with commas; none means all.

    :raises argparse.ArgumentTypeError: one of them does not exist.
    """
    given = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in given if name not in ROWS]
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    return given or ROWS


def _bench(rows: Sequence[str], out: Path, charts_python: Path | None) -> int:
    from tests.load.rows import ROWS as MEASURES

    machine = _machine()
    values: dict[str, float | str] = {}
    raw: dict[str, Any] = {}
    charts = []
    for name in rows:
        begin = time.monotonic()
        outcome = measured(name, MEASURES[name])
        print(f"{name}: {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
        values |= outcome.values
        raw[name] = outcome.raw
        charts += outcome.charts
    figures = report.figures((goal for goal in GOALS if goal.row in rows), values)
    table = f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}\n\n{report.table(figures)}"
    print(table, end="")
    (out / "bench.txt").write_text(table)
    told = report.as_json(figures, raw, machine) | {"charts": [asdict(chart) for chart in charts]}
    (out / "bench.json").write_text(json.dumps(told, indent=1) + "\n")
    if charts_python:
        # `absolute`, not `resolve`: the Python of a virtual environment is a link to one that has nothing installed.
        subprocess.run([charts_python.absolute(), "-m", "tests.load.charts", out.absolute()], cwd=ROOT, check=True)
    return report.exit_code(figures)


def measured(name: str, measure: Callable[[Path], Outcome]) -> Outcome:
    """What a row gives; when it fails, each of its goals gets the reason, and the other rows go on."""
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as folder:
        try:
            return measure(Path(folder))
        except NotMeasurable as error:
            print(f"{name}: {error}", *getattr(error, "__notes__", ()), sep="\n", file=sys.stderr)
            reason = str(error)
        except Exception as error:
            traceback.print_exc()
            reason = f"failed: {error!r}"[:200]
    return Outcome({goal.key: reason for goal in GOALS if goal.row == name})


def _scrub_environment() -> None:
    """Nothing of the user's own AWS, nor settings that happen to be in the shell."""
    from service.settings import Settings

    ours = {name for one in Settings.__dataclass_fields__.values() for name in one.metadata["env"]}
    for name in list(os.environ):
        if name.startswith("AWS_") or name in ours:
            del os.environ[name]
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def _machine() -> dict[str, Any]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "node": bool(shutil.which("node")),
    }


if __name__ == "__main__":
    main()
