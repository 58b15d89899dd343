"""Exit code 0 once the emulator's init scripts have run, all of them without an error; for LocalStack and ministack."""

import json
import sys
from http.client import HTTPConnection
from typing import Any


def answer(path: str) -> tuple[int, Any]:
    connection = HTTPConnection("localhost", 4566, timeout=4)
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, json.load(response)


def healthy() -> bool:
    status, stage = answer("/_localstack/init/ready")
    if status == 200:
        return bool(stage["completed"]) and all(script["state"] != "ERROR" for script in stage["scripts"])
    status, scripts = answer("/_ministack/ready")
    return status == 200 and scripts["failed"] == 0


sys.exit(not healthy())
