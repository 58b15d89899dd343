"""Pictures against Pillow, which decodes them in the worker: it never has to make room for more than the facts say."""

import warnings
from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from service.intake.formats import WALKERS
from service.intake.receive import Facts
from tests.fuzz.damage import damaged
from tests.intake import LIMITS, pieces, verdict
from tests.pictures import SOUND, TINY, Picture
from worker.picture import FORMATS

LARGEST = 12_000
"""Bytes of a picture that is damaged; larger ones have the same parts, and more pixels to wait for."""
SPLITS = st.lists(st.one_of(st.integers(1, 40), st.integers(1, 3000)), min_size=1, max_size=20)


def decoded(data: bytes, content_type: str) -> tuple[int, int, int] | None:
    """Width, height and frames when every frame decodes."""
    try:
        with warnings.catch_warnings(), Image.open(BytesIO(data), formats=FORMATS[content_type]) as image:
            warnings.simplefilter("ignore")
            # The further pictures of an MPO are not frames of the first.
            frames = 1 if content_type == "image/jpeg" else getattr(image, "n_frames", 1)
            for frame in range(frames):
                image.seek(frame)
                image.load()
            # Nor is what an APNG has for programs that show no animation.
            return image.width, image.height, frames - bool(image.info.get("default_image"))
    except Exception:
        return None  # Pillow's plugins raise nearly anything


@pytest.mark.parametrize("picture", [*SOUND, *TINY.values()], ids=str)
def test_what_pillow_decodes_of_sound_pictures_is_taken_as_that(picture: Picture) -> None:
    facts = verdict([picture.data], picture.content_type)
    assert isinstance(facts, Facts), facts
    assert (facts.width, facts.height, facts.frames) == decoded(picture.data, picture.content_type)


@pytest.mark.parametrize("content_type", WALKERS)
def test_damaged_pictures(content_type: str) -> None:
    """One verdict in any pieces. What is taken and decodes is no larger than the facts: those of a file that names
    several sizes, as of a frame that reaches over its canvas, are the largest."""
    candidates = [*SOUND, TINY[content_type]]
    data = [one.data for one in candidates if one.content_type == content_type and len(one.data) < LARGEST]

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow])
    @given(damaged(data), SPLITS)
    def hold(changed: bytes, sizes: list[int]) -> None:
        facts = verdict([changed], content_type)
        assert verdict(pieces(changed, sizes), content_type) == facts
        if isinstance(facts, Facts) and (shown := decoded(changed, content_type)):
            assert facts.width >= shown[0]
            assert facts.height >= shown[1]
            assert facts.frames >= shown[2]
            assert shown[0] * shown[1] * shown[2] <= LIMITS.max_pixels

    hold()
