"""A service and a worker are killed while people upload, at each of their points; see `survival`."""

from pathlib import Path

from tests.chaos.survival import QUOTA, Kind, survive


async def test_kills_of_service_and_worker(endpoint: str, tmp_path: Path) -> None:
    """With a quota, so that each upload has its place reserved."""
    await survive(endpoint, tmp_path, Kind(0.55, settings=QUOTA))
