"""What the service says of each bad picture: `AT_ONCE` with which code, or `LATER`, by the worker."""

from tests import bad_pictures as bad

_GROUPS = {
    "unsupported_media_type": bad.FOREIGN,
    "signature_mismatch": bad.DISGUISED | bad.SIGNATURE_ALONE,
    "too_many_pixels": bad.TOO_MANY_PIXELS | bad.HIDDEN_SIZE,
    "too_many_frames": bad.TOO_MANY_FRAMES,
    "invalid_image": bad.BROKEN_HEADER,
    "truncated_image": bad.NOTHING_BEHIND | bad.TRUNCATED,
}
_OTHER_CODES = {
    "empty": "empty_body",
    "webp_signature": "signature_mismatch",
    "gif89a_script": "too_many_pixels",  # its first letters, read as a size
    "gif89a_javascript": "invalid_image",
    "jpeg_html": "invalid_image",
    "png_signature_script": "invalid_image",
    "avif_script": "truncated_image",
    "jpeg_second_frame_header": "invalid_image",
    "png_second_header": "invalid_image",
    "apng_frame_beyond_its_canvas": "invalid_image",
    "webp_riff_too_long": "truncated_image",
    "avif_no_item": "truncated_image",
}
LATER = {
    **bad.ONLY_DECODING_TELLS,
    **bad.CHECKSUM_WRONG,
    # The size of an animation's frame stands in its bitstream once more.
    "webp_frame_beyond_its_canvas": bad.HIDDEN_SIZE["webp_frame_beyond_its_canvas"],
    # After a JPEG's scan has begun only decoding tells where it ends.
    **{name: bad.TRUNCATED[name] for name in ("jpeg_half", "jpeg_progressive_half")},
}
AT_ONCE = {
    name: (picture, _OTHER_CODES.get(name, code))
    for code, group in _GROUPS.items()
    for name, picture in group.items()
    if name not in LATER
}
