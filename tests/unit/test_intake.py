"""The verdict on bytes depends on the bytes alone, not on how they arrive."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.intake.labels import Labels
from service.intake.receive import Facts
from tests import intake
from tests.bad_pictures import BAD, Bad
from tests.forms import BAD_FORMS, BOUNDARY, PNG, BadForm, file_part, form, word_part
from tests.intake import FormVerdict, pieces, verdict
from tests.pictures import SOUND, Picture, png_chunk
from tests.verdicts import AT_ONCE, LATER

SIZES = (1, 7, 64, 4096)
MANY = 1_000_000  # bytes, of which pieces of a few would take long
EVERY: list[Picture | Bad] = [*SOUND, *BAD.values()]
SMALL = [one for one in EVERY if 0 < len(one.data) < 30_000]
SPLITS = st.lists(st.one_of(st.integers(1, 40), st.integers(1, 3000)), min_size=1, max_size=60)
# Shared cores are slow now and then; how long a verdict takes is for test_intake_time.py.
unhurried = settings(deadline=None)


async def form_verdict(chunks: Iterable[bytes]) -> FormVerdict:
    """Of a form with the boundary of all forms here."""
    return await intake.form_verdict(chunks, BOUNDARY)


# Pictures


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("picture", SOUND, ids=str)
def test_a_sound_picture_in_pieces(picture: Picture, size: int) -> None:
    if len(picture.data) > MANY:
        size = max(size, 64)
    facts = verdict(pieces(picture.data, [size]), picture.content_type)
    assert isinstance(facts, Facts), facts
    assert (facts.content_type, facts.size) == (picture.content_type, len(picture.data))
    assert (facts.width, facts.height, facts.frames) == (picture.width, picture.height, picture.frames)
    assert facts == verdict([picture.data], None)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bad", BAD.values(), ids=str)
def test_a_bad_picture_in_pieces(bad: Bad, size: int) -> None:
    in_pieces = verdict(pieces(bad.data, [size]), bad.content_type)
    assert in_pieces == verdict(pieces(bad.data, [MANY]), bad.content_type)
    if bad.name in LATER:
        assert isinstance(in_pieces, Facts)
    else:
        # What over HTTP is refused for its media type alone is also refused for its bytes.
        assert in_pieces == AT_ONCE[bad.name][1].replace("unsupported_media_type", "signature_mismatch")


@unhurried
@given(picture=st.sampled_from(SMALL), sizes=SPLITS)
def test_any_picture_in_any_pieces(picture: Picture | Bad, sizes: list[int]) -> None:
    assert verdict(pieces(picture.data, sizes), picture.content_type) == verdict([picture.data], picture.content_type)


DAMAGE = st.lists(st.tuples(st.integers(0, 30_000), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4)


@unhurried
@given(picture=st.sampled_from(SMALL), damage=DAMAGE, cut=st.integers(0, 30_000), sizes=SPLITS)
def test_damaged_pictures_in_any_pieces(
    picture: Picture | Bad, damage: list[tuple[int, bytes]], cut: int, sizes: list[int]
) -> None:
    """Whatever the damage does, there is one verdict, and no other exception than a refusal."""
    changed = bytearray(picture.data)
    for at, patch in damage:
        at %= len(changed)
        changed[at : at + len(patch)] = patch
    data = bytes(changed[: cut or None])
    assert verdict(pieces(data, sizes), picture.content_type) == verdict([data], picture.content_type)


@unhurried
@given(head=st.sampled_from([one.data[:16] for one in SMALL]), data=st.binary(max_size=300), sizes=SPLITS)
def test_anything_behind_a_signature_in_any_pieces(head: bytes, data: bytes, sizes: list[int]) -> None:
    assert verdict(pieces(head + data, sizes), None) == verdict([head + data], None)


# Forms

EDGE = BOUNDARY.encode()
LOOK_ALIKES = (
    b"\r\n--" + EDGE[:-1],
    b"\r\n--" + EDGE[:-1] + b"\r\n",
    b"\r\n" + EDGE + b"--",
    b"\n--" + EDGE + b"--\r\n",
    b"\r--" + EDGE + b"\r\n",
    b"--" + EDGE + b"--\r\n",
    b"\r\n\r\n--",
    b"\r\r\n-",
    b"\r" * 70,
    b"\r\n--" * 20,
)


def with_inside(inside: bytes) -> bytes:
    """A sound PNG that has these bytes in it as they are."""
    # The full stop keeps the checksum behind it from completing what only looks like a boundary.
    return PNG[:-12] + png_chunk(b"teSt", inside + b".") + PNG[-12:]


@pytest.mark.parametrize("size", [*SIZES, MANY])
@pytest.mark.parametrize("look_alike", LOOK_ALIKES, ids=repr)
async def test_what_only_looks_like_a_boundary_belongs_to_the_file(look_alike: bytes, size: int) -> None:
    for inside in (look_alike, b"." + look_alike, b".".join([look_alike] * 30)):
        data = with_inside(inside)
        read = await form_verdict(pieces(form(file_part(data)), [size]))
        assert not isinstance(read, str), read
        assert (read[0].size, read[2]) == (len(data), data)


@unhurried
@given(
    insides=st.lists(st.sampled_from(LOOK_ALIKES), max_size=8),
    order=st.permutations(range(4)),
    sizes=SPLITS,
)
async def test_a_sound_form_in_any_pieces(insides: list[bytes], order: list[int], sizes: list[int]) -> None:
    data = with_inside(b".".join(insides))
    parts = (word_part("tags", "sea,sun"), word_part("title", "Möwe"), word_part("tags", "sea"))
    whole = form(*((*parts, file_part(data, filename='filename="a.png"'))[index] for index in order))
    read = await form_verdict(pieces(whole, sizes))
    assert not isinstance(read, str), read
    assert read[1] == Labels("a.png", "Möwe", ("sea", "sun"))
    assert read[2] == data


@pytest.mark.parametrize("size", [*SIZES, MANY])
@pytest.mark.parametrize("bad_form", BAD_FORMS, ids=str)
async def test_a_bad_form_in_pieces(bad_form: BadForm, size: int) -> None:
    assert await form_verdict(pieces(bad_form.body, [size])) == bad_form.code


@unhurried
@given(
    bad_form=st.sampled_from([one for one in BAD_FORMS if len(one.body) < 30_000]),
    damage=DAMAGE,
    sizes=SPLITS,
)
async def test_damaged_forms_in_any_pieces(
    bad_form: BadForm, damage: list[tuple[int, bytes]], sizes: list[int]
) -> None:
    changed = bytearray(bad_form.body)
    for at, patch in damage:
        at %= len(changed)
        changed[at : at + len(patch)] = patch
    data = bytes(changed)
    assert await form_verdict(pieces(data, sizes)) == await form_verdict([data])
