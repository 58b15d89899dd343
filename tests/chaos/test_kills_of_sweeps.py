"""A sweep is killed at each of its points while it repairs what other killed processes have left; see `survival`."""

from pathlib import Path

from tests.chaos.survival import QUOTA, Kind, survive


async def test_kills_of_sweeps(endpoint: str, tmp_path: Path) -> None:
    """Nobody takes the messages that it sends, until the last sweep is through."""
    await survive(endpoint, tmp_path, Kind(0.25, everywhere=False, of_sweeps=0.6, settings=QUOTA))
