"""Texts in base64 as Go's decoder takes them."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.kubectl.config.decoding import bytes_of


@given(st.binary(), st.lists(st.integers(0, 200), max_size=5))
def test_what_is_encoded_is_decoded_wherever_lines_end(data: bytes, ends: list[int]) -> None:
    text = b64encode(data).decode()
    for end in ends:
        text = text[:end] + "\n" + text[end:]
    assert bytes_of(text) == data


@pytest.mark.parametrize(
    ("text", "wrong"),
    [("Q", 0), ("QUJDQ", 4), ("QU=", 3), ("=QUJ", 0), ("Q===", 1), ("QU=J", 2), ("QUJD=", 4), ("QQ==QQ==", 4),
     ("Q!JD", 1), ("QU JD", 2), ("é", 0), ("QQ=\n=\nx", 6)],
)  # fmt: skip
def test_the_first_byte_that_is_wrong(text: str, wrong: int) -> None:
    with pytest.raises(ValueError, match=f"^illegal base64 data at input byte {wrong}$"):
        bytes_of(text)


def test_bits_behind_the_last_byte_do_not_count() -> None:
    assert bytes_of("QR==") == b"A"
