"""What a worker takes for a message: what the service has sent, and nothing else."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.images import MESSAGE_VERSION, Receipt, UndecodableMessage, new_image_id
from service.storage.notifications import arrivals
from tests.poison import poisonous
from tests.sweeping import receipt_of

# Always the same, as the names of tests are made of it.
RECEIPT = replace(receipt_of("alice"), image_id="0199a1f0-1234-7abc-8def-0123456789ab")
POISONOUS = poisonous(RECEIPT)
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
TAKEN_BY_SQS = re.compile("[\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")


@pytest.mark.parametrize("at", range(len(POISONOUS)), ids=[text[:60] + text[-30:] for text in POISONOUS])
def test_what_is_no_message(at: int) -> None:
    """Each is told by the one error that says so, in few words."""
    text = POISONOUS[at]
    assert not arrivals(text)
    with pytest.raises(UndecodableMessage) as raised:
        Receipt.from_message(text)
    assert len(str(raised.value)) < 200


def test_a_newer_version_is_told_as_such() -> None:
    """An operator sees from the log that a newer worker is wanted."""
    text = json.dumps(json.loads(RECEIPT.message) | {"v": MESSAGE_VERSION + 1, "shape": "round"})
    with pytest.raises(UndecodableMessage, match=f"of version {MESSAGE_VERSION + 1}, not of {MESSAGE_VERSION}"):
        Receipt.from_message(text)


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(
    user_id=st.from_regex(r"\A[A-Za-z0-9_-][A-Za-z0-9._@+=:|-]{0,127}\Z"),
    numbers=st.tuples(st.integers(0, 5 * 1024 * 1024), *[st.integers(0, 65_535)] * 2, st.integers(0, 100_000)),
    sha256=st.sampled_from(["", "0f" * 32]),
    words=st.tuples(st.none() | WORDS, st.none() | WORDS, st.lists(WORDS, max_size=10).map(tuple)),
)
def test_what_the_service_sends_is_read_as_it_was(
    user_id: str,
    numbers: tuple[int, int, int, int],
    sha256: str,
    words: tuple[str | None, str | None, tuple[str, ...]],
) -> None:
    """Whatever is in it, and it can be counted on to be one thing to a set."""
    size, width, height, frames = numbers
    filename, title, tags = words
    receipt = Receipt(
        user_id=user_id,
        image_id=new_image_id(),
        content_type="image/png",
        size=size,
        sha256=sha256,
        width=width,
        height=height,
        frames=frames,
        filename=filename,
        title=title,
        tags=tags,
    )
    read = Receipt.from_message(receipt.message)
    assert read == receipt
    assert {read, receipt} == {receipt}


@pytest.mark.parametrize("words", ["\ufffe", "a\uffffb", "\\\ufffe\\", "\x7f\ue000\ufffd\U0001ffff"], ids=ascii)
def test_sqs_takes_it(words: str) -> None:
    """Whatever its owner calls it: an upload whose message is refused could never be processed."""
    receipt = replace(RECEIPT, filename=words, title=words, tags=(words,))
    assert TAKEN_BY_SQS.fullmatch(receipt.message)
    assert Receipt.from_message(receipt.message) == receipt
