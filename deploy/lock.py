"""Writes the hashed requirements of everything that is deployed: exact versions, those of constraints.txt.

`make lock`, after a change of the dependencies in pyproject.toml or constraints.txt. What pip installs from these files
with `--require-hashes` is, byte for byte, what was there when they were written.
https://pip.pypa.io/en/stable/topics/secure-installs/
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from deploy.package import FUNCTIONS

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "deploy" / "requirements"
ABOUT = "# Written by `make lock`; installed with `pip install --require-hashes`.\n"
OLDEST_PYTHON = "3.11"
"""Which needs the most packages, and so this list is enough for the later ones too."""


def wanted() -> dict[str, list[str]]:
    """Of each file of requirements: the distributions that it is made for, without what these need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime = [name_of(requirement) for requirement in project["project"]["dependencies"]]
    # Some 10 MB, which an image does not notice. The zips of functions, half as large again with it, go without.
    traces = [name_of(requirement) for requirement in project["project"]["optional-dependencies"]["traces"]]
    return {
        "build": [name_of(requirement) for requirement in project["build-system"]["requires"]],
        "image": [*runtime, *traces],
        "lambda-image": ["awslambdaric"],
        **{name: list(function.distributions) for name, function in FUNCTIONS.items()},
    }


def name_of(requirement: str) -> str:
    """The distribution's name in a requirement, with its extras."""
    return re.split(r"[^\w.\[\]-]", requirement)[0]


def _lock(distributions: list[str], uv: str) -> str:
    command = [uv, "pip", "compile", "-", "--quiet", "--no-header", "--no-annotate", "--generate-hashes"]
    command += ["--constraint=constraints.txt", f"--python-version={OLDEST_PYTHON}", "--python-platform=linux"]
    made = subprocess.run(command, input="\n".join(distributions), cwd=ROOT, capture_output=True, text=True)  # noqa: S603
    if made.returncode:
        sys.exit(made.stderr)
    return made.stdout


def main(uv: str) -> None:
    """Write all files, with that uv."""
    FOLDER.mkdir(exist_ok=True)
    for name, distributions in wanted().items():
        (FOLDER / f"{name}.txt").write_text(ABOUT + _lock(distributions, uv))


if __name__ == "__main__":
    main(sys.argv[1])
