"""What is deployed is pinned to the byte, and a known vulnerability of it fails `make check`."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy.audit import FILES
from deploy.lock import wanted

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "deploy" / "requirements"
PIP_AUDIT = ROOT / ".tools" / "bin" / "pip-audit"
ENTRY = re.compile(r"([A-Za-z0-9][\w.-]*)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)")


def canonical(name: str) -> str:
    """As PyPI compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    """The versions that are developed and tested with."""
    lines = (ROOT / "constraints.txt").read_text().split()
    return {canonical(name): version for name, _, version in (line.partition("==") for line in lines)}


@pytest.mark.parametrize("name", wanted())
def test_requirements_are_pinned_hashed_and_those_that_are_tested(name: str) -> None:
    about, _, text = (FOLDER / f"{name}.txt").read_text().partition("\n")
    assert about.startswith("# ")
    assert ENTRY.sub("", text) == "", "something is not pinned, has no hash, or names an index"
    locked = {canonical(one): version for one, version, _ in ENTRY.findall(text)}
    assert {one: pins()[one] for one in locked} == locked
    assert {canonical(one.partition("[")[0]) for one in wanted()[name]} <= set(locked)


def test_there_are_no_other_requirements() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(wanted())


def test_the_image_installs_nothing_without_a_hash() -> None:
    lines = (ROOT / "docker" / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    installs = [part for line in lines for part in line.split("&&") if re.search(r"\bpip\b.*\binstall\b", part)]
    assert len(installs) >= 4
    for install in installs:
        assert "--require-hashes" in install or "--no-index" in install, install


def answer_of_osv(name: str, version: str, vulnerable: str) -> dict[str, object]:
    """An answer of https://osv.dev about one distribution."""
    if name != vulnerable:
        return {}
    affected = {"package": {"name": name, "ecosystem": "PyPI"}, "versions": [version]}
    return {"vulns": [{"id": "PYSEC-2026-1", "modified": "2026-01-01T00:00:00Z", "affected": [affected]}]}


@contextmanager
def osv(vulnerable: str) -> Iterator[str]:
    """A server of advisories that knows one: of that distribution."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(answer_of_osv(asked["package"]["name"], asked["version"], vulnerable)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/query"
        finally:
            server.shutdown()
            thread.join()


def audit(url: str, *options: str) -> subprocess.CompletedProcess[str]:
    """What `make check` runs, asking there."""
    if not PIP_AUDIT.exists():
        pytest.skip("`make check` installs pip-audit")
    command = [sys.executable, "-m", "deploy.audit", str(PIP_AUDIT), *options]
    environ = {**os.environ, "AUDIT_URL": url}
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=300, check=False)


def test_a_known_vulnerability_fails_the_check() -> None:
    with osv("pillow") as url:
        made = audit(url, FILES[0])
    assert made.returncode == 1, made.stdout
    assert "VULNERABLE: pillow" in made.stdout
    assert "PYSEC-2026-1" in made.stdout


def test_without_one_everything_is_audited() -> None:
    with osv("nothing") as url:
        made = audit(url, "--strict")
    assert made.returncode == 0, made.stdout
    assert "NOT AUDITED" not in made.stdout
    assert f"0 known in {len(pins())} distributions" in made.stdout


def test_what_could_not_be_asked_is_said() -> None:
    made = audit("http://127.0.0.1:9/")
    assert made.returncode == 0, made.stdout
    assert all(f"NOT AUDITED: {file}: " in made.stdout for file in FILES)
    assert audit("http://127.0.0.1:9/", FILES[-1], "--strict").returncode == 1
