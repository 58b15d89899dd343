"""A process that is to a handler what Lambda's runtime is: `python -m tests.function_process MODULE`.

Reads a JSON line `{"event": …, "seconds": …}` from stdin for each invocation, and writes one with the result, or the
error, and how many milliseconds of its time were left. Between two lines nothing runs in it, as in a frozen container.
"""

import importlib
import json
import sys
import time
import traceback


class Context:
    """The part of Lambda's context that handlers use."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        """Until the invocation is cut off."""
        return max(0, int((self._end - time.monotonic()) * 1000))


def main() -> None:
    """Serve until stdin ends."""
    answers, sys.stdout = sys.stdout, sys.stderr
    handler = importlib.import_module(sys.argv[1]).handler
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        context = Context(asked["seconds"])
        try:
            answer = {"result": handler(asked["event"], context)}
        except Exception as error:
            traceback.print_exc()
            answer = {"error": repr(error)}
        left = {"left": context.get_remaining_time_in_millis()}
        print(json.dumps(answer | left), file=answers, flush=True)


if __name__ == "__main__":
    main()
