"""The worker's CPU for an image, its decoder processes included, against Pillow alone on the same files.

A worker that finds nothing to do tells what starting costs; that is taken off.
"""

import http.client
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from service.settings import Settings
from tests.load import photos, requests, servers
from tests.load.generator import Load, run
from tests.load.measure import ratio_of_rounds
from tests.load.outcome import NotMeasurable, Outcome

IMAGES, ROUNDS = 12, 3


def measure(folder: Path) -> Outcome:
    """The median over the rounds."""
    files = []
    for number, photo in enumerate(photos.photographs(IMAGES)):
        files.append(folder / f"{number}.jpg")
        files[-1].write_bytes(photo)
    ours, alone, starting = [], [], []
    with servers.local_storage(folder) as settings, servers.service(settings) as service:
        _burst(settings)
        for _ in range(ROUNDS):
            alone.append(_alone(files))
            starting.append(_burst(settings))
            for file in files:
                request = requests.saved(folder, "request", requests.upload(file.read_bytes()))
                if run(Load(port=service.port, request=request, expect=202, connections=1, seconds=0)).count != 1:
                    raise NotMeasurable("an image was not accepted")
            ours.append((_burst(settings) - starting[-1]) / IMAGES)
            _refuse_unready(service, IMAGES * len(ours))
    return Outcome(
        {"worker.cpu": ratio_of_rounds(ours, alone)},
        {
            "seconds of CPU per image": {"worker": ours, "Pillow alone": alone},
            "seconds of CPU to start and end a worker": starting,
            "bytes per image": median(file.stat().st_size for file in files),
        },
    )


def _refuse_unready(service: servers.Server, count: int) -> None:
    """What failed, or was refused, has cost something else."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    connection.request("GET", "/v1/images?limit=200&status=ready", headers={"X-User-Id": requests.USER})
    ready = len(json.loads(connection.getresponse().read())["images"])
    connection.close()
    if ready != count:
        raise NotMeasurable(f"only {ready} of {count} images became ready")


def _burst(settings: Settings) -> float:
    """Seconds of CPU of a worker that works until the queue is empty, with those of all processes it has started."""
    with servers.worker(settings, "--burst") as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise NotMeasurable(f"the worker ended with {process.returncode}")
    return used.ru_utime + used.ru_stime


def _alone(files: list[Path]) -> float:
    command = [sys.executable, str(servers.PEERS / "plain.py"), *map(str, files)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
