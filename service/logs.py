"""Where the log goes, for every way to run."""

import logging
import sys

from service.settings import Settings


def set_up(settings: Settings) -> None:
    """Log to stderr, or where the process logs to already, as on Lambda."""
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger().setLevel(settings.log_level)
    # They tell at each start where the credentials came from, and every retry.
    for name in ("aiobotocore", "botocore"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(settings.log_level)))
