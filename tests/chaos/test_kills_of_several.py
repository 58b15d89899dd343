"""Of several services and workers some are killed while people upload, and the others go on; see `survival`."""

from pathlib import Path

from tests.chaos.survival import Kind, survive


async def test_kills_of_one_of_several(endpoint: str, tmp_path: Path) -> None:
    """Uploads go to the disk, messages come again more often, and the workers sweep meanwhile."""
    settings = {"spool_memory": 0, "max_deliveries": 100, "sweep_seconds": 3, "sweep_after_seconds": 10}
    kind = Kind(0.2, ("serve", "--processes", "2"), workers=2, everywhere=False, settings=settings)
    await survive(endpoint, tmp_path, kind)
