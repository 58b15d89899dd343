"""Asks for known vulnerabilities of everything that is deployed or that tests it (pip-audit); part of `make check`.

Where nobody can be asked, the check says what was not audited and does not fail, unless `--strict`: a machine without a
way out has to be able to run the other checks. A vulnerability always fails it. `AUDIT_URL` names another OSV server.
https://github.com/pypa/pip-audit
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
FILES = ["deploy/requirements/image.txt", "deploy/requirements/lambda-image.txt", "deploy/requirements/build.txt"]
OTHERS = ["constraints.txt"]
"""Without hashes: what only develops and tests."""
SECONDS = 120


def audit(program: str, file: str, url: str | None) -> tuple[list[dict[str, Any]], str | None]:
    """What pip-audit says of each distribution in a file, and why it could say nothing, or None."""
    command = [
        program,
        "--requirement",
        file,
        "--disable-pip",
        "--format=json",
        "--progress-spinner=off",
        "--timeout=10",
    ]
    command += ["--require-hashes"] if file in FILES else ["--no-deps"]
    command += ["--vulnerability-service=osv", f"--osv-url={url}"] if url else []
    try:
        made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)  # noqa: S603
        found: list[dict[str, Any]] = json.loads(made.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return [], f"no answer within {SECONDS} seconds"
    except (ValueError, KeyError):
        return [], (made.stderr.strip().splitlines() or ["no answer"])[-1]
    return found, None


def main() -> None:
    """The command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("program", help="pip-audit")
    arguments.add_argument("files", nargs="*", default=[*FILES, *OTHERS], help="of requirements [all that there are]")
    arguments.add_argument("--strict", action="store_true", help="fail also when something could not be audited")
    given = arguments.parse_args()
    audited: set[str] = set()
    silent: set[str] = set()
    unknown: set[str] = set()
    vulnerable: set[str] = set()
    for file in given.files:
        found, why_not = audit(given.program, file, os.environ.get("AUDIT_URL"))
        if why_not:
            silent.add(f"{file}: {why_not}")
        for one in found:
            if "skip_reason" in one:
                unknown.add(one["name"])
                continue
            name = f"{one['name']} {one['version']}"
            audited.add(name)
            vulnerable.update(f"{name}: {each['id']}, mended in {each['fix_versions']}" for each in one["vulns"])
    for line in sorted(silent):
        print(f"NOT AUDITED: {line}")
    if unknown:
        print(f"NOT AUDITED, as whoever was asked does not know them: {', '.join(sorted(unknown))}")
    for line in sorted(vulnerable):
        print(f"VULNERABLE: {line}")
    print(f"Vulnerabilities: {len(vulnerable)} known in {len(audited)} distributions")
    if not audited:
        print("Nothing was audited, as nobody could be asked; `make audit` fails then.")
    sys.exit(bool(vulnerable) or (given.strict and bool(silent or unknown)))


if __name__ == "__main__":
    main()
