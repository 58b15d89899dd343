"""Which images are taken, and where their bytes are while they arrive."""

from dataclasses import dataclass

from service.settings import values
from service.settings.setting import MIB, setting


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class Uploads:
    """Limits of an image, and of the memory for those that arrive."""

    # The service refuses by these while the bytes arrive; the decoder goes by them again.
    max_pixels: int = setting(
        "MAX_PIXELS",
        50_000_000,
        values.between(1, 1_000_000_000),
        "most pixels of an image: width × height × frames",
    )
    max_side: int = setting("MAX_SIDE", 32_767, values.between(1, 65_535), "most pixels of an image's width or height")
    max_frames: int = setting("MAX_FRAMES", 900, values.between(1, 100_000), "most frames of an animation")

    spool_memory: int = setting(
        "SPOOL_MEMORY_BYTES",
        32 * MIB,
        values.between(0, 1024 * 1024 * MIB),
        "memory of a process for bodies on their way in, those included that are read back; beyond it: disk",
    )
    spool_dir: str | None = setting(
        "SPOOL_DIR",
        None,
        values.folder,
        "folder for bodies beyond that memory, which should not be a tmpfs; else the system's",
    )
