"""Fuzzes one target, guided by what its inputs reach: `python -m tests.fuzz.harness TARGET [libFuzzer's options]`."""

import shlex
import sys
from typing import Any

import atheris

from tests.fuzz.json_mutator import mutate

with atheris.instrument_imports(include=["service", "multipart"]):
    from tests.fuzz.targets import TARGETS

OF_JSON = ("event", "message")


def _mutate_json(data: bytes, most: int, seed: int) -> bytes:
    return mutate(data, most, seed, atheris.Mutate)


def main() -> None:
    """Run until libFuzzer's options say that it is enough, or an input breaks a promise."""
    _, name, *options = sys.argv
    more: dict[str, Any] = {"custom_mutator": _mutate_json} if name in OF_JSON else {}
    # To merge, libFuzzer has a shell run this program once more.
    again = shlex.join([sys.executable, "-m", "tests.fuzz.harness", name])
    atheris.Setup([again, *options], TARGETS[name], **more)
    atheris.Fuzz()


main()
