"""Fuzzes the targets for so many seconds each and reports; `make fuzz` runs it in the fuzzer's own environment.

Paths are relative to the project, whose own may have spaces in it, which libFuzzer does not quote.

What the fuzzer finds worth keeping lies in `build/fuzz/corpus`, and what breaks a promise in `build/fuzz/broken`: add
that to `tests/fuzz/corpus/TARGET` with the mend. `--keep` makes `tests/fuzz/corpus` anew: of all inputs the fewest and
smallest that reach as much.
"""

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.targets import TARGETS

HERE = Path("tests/fuzz")
KEPT, DICTIONARIES = HERE / "corpus", HERE / "dictionaries"
BUILD = Path("build/fuzz")
LIMITS = ("-timeout=10", "-rss_limit_mb=1500", "-max_len=3000")
MOST_KEPT = 1_500
"""Bytes of an input that is kept: a clone of this project shall stay small."""
REGRESSION = "regression-"
STEP = re.compile(r"^#(\d+)\s+(INITED|DONE)\s+(?:cov: (\d+) ft: (\d+))?", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """What became of a target: inputs tried, edges covered by the kept corpus and at the end, inputs that broke it."""

    name: str
    tried: int
    covered_before: int
    covered: int
    broken: list[Path]
    said: str
    code: int


def _harness(name: str, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.fuzz.harness", name, *options]
    return subprocess.run(command, capture_output=True, text=True, errors="replace")


def _fuzz(name: str, seconds: int) -> Run:
    found, broken = BUILD / "corpus" / name, BUILD / "broken" / name
    for folder in (found, broken, KEPT / name):  # a target that is added has none yet, of which libFuzzer complains
        folder.mkdir(parents=True, exist_ok=True)
    before = set(broken.iterdir())
    dictionary = DICTIONARIES / f"{name}.dict"
    options = [*LIMITS, f"-max_total_time={seconds}", f"-artifact_prefix={broken}/"]
    options += [f"-dict={dictionary}"] if dictionary.exists() else []
    done = _harness(name, *options, str(found), str(KEPT / name))
    steps = {step: (int(tried), int(covered or 0)) for tried, step, covered, _ in STEP.findall(done.stderr)}
    tried, covered = steps.get("DONE", (0, 0))
    return Run(
        name=name,
        tried=tried,
        covered_before=steps.get("INITED", (0, 0))[1],
        covered=covered,
        broken=sorted(set(broken.iterdir()) - before),
        said=done.stdout + done.stderr,
        code=done.returncode,
    )


def _keep(name: str) -> None:
    kept, found, made = KEPT / name, BUILD / "corpus" / name, BUILD / "kept" / name
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    for folder in (kept, found):
        folder.mkdir(parents=True, exist_ok=True)
    for path in kept.glob(f"{REGRESSION}*"):
        shutil.copy(path, made)
    done = _harness(name, "-merge=1", f"-max_len={MOST_KEPT}", "-use_counters=0", str(made), str(kept), str(found))
    if done.returncode:
        sys.exit(f"{name}: the corpus could not be made\n{done.stderr[-2000:]}")
    shutil.rmtree(kept)
    shutil.copytree(made, kept)


def _names(only: str) -> Iterator[str]:
    for name in filter(None, only.split(",")) if only else TARGETS:
        if name not in TARGETS:
            sys.exit(f"There is no target {name!r}; there are {', '.join(TARGETS)}.")
        yield name


def main() -> None:
    """Run the targets; the exit code says whether every promise held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--only", default="", help="targets, with commas between")
    parser.add_argument("--jobs", type=int, default=2, help="targets at once")
    parser.add_argument("--keep", action="store_true", help="make tests/fuzz/corpus anew and do nothing else")
    given = parser.parse_args()
    names = list(_names(given.only))
    if given.keep:
        for name in names:
            _keep(name)
        return
    with ThreadPoolExecutor(given.jobs) as pool:
        runs = list(pool.map(lambda name: _fuzz(name, given.seconds), names))
    for run in runs:
        print(f"{run.name:9} {run.tried:>10,} inputs, edges {run.covered_before:>4} → {run.covered:>4}")
    for run in runs:
        if run.code:
            print(f"\n{run.name} broke ({', '.join(map(str, run.broken)) or 'no input kept'}):\n{run.said[-3000:]}")
    sys.exit(any(run.code for run in runs))


if __name__ == "__main__":
    main()
