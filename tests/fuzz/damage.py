"""Pictures as transport, editors and attackers damage them, for hypothesis."""

from collections.abc import Sequence

from hypothesis import strategies as st

EXTREMES = tuple(
    value.to_bytes(size, order)
    for size in (1, 2, 3, 4, 8)
    for order in ("big", "little")
    for value in (0, 1, (1 << 8 * size - 1) - 1, 1 << 8 * size - 1, (1 << 8 * size) - 1)
)
"""What lengths and counts are set to."""


@st.composite
def damaged(draw: st.DrawFn, pictures: Sequence[bytes]) -> bytes:
    """One of the pictures, damaged once to four times.

    Bits flipped, numbers set to extremes, parts cut, doubled, or taken from another picture, the end cut off.
    """
    data = bytearray(draw(st.sampled_from(pictures)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        span = slice(at, at + draw(st.integers(1, 40) | st.integers(1, len(data) + 1)))
        match draw(st.sampled_from(("flip", "set", "cut", "double", "splice", "end"))):
            case "flip" if at < len(data):
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "set":
                value = draw(st.sampled_from(EXTREMES))
                data[at : at + len(value)] = value
            case "cut":
                del data[span]
            case "double":
                data[at:at] = data[span]
            case "splice":
                other = draw(st.sampled_from(pictures))
                data[at:] = other[draw(st.integers(0, len(other))) :]
            case "end":
                del data[at:]
    return bytes(data)
