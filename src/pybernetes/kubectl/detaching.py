"""The keys that end a session and leave the container running (`--detach-keys`, by default `ctrl-p,ctrl-q`).

What may be the beginning of the sequence is held back until the next key tells.
"""

from __future__ import annotations

from .errors import CommandError

_BESIDE_LETTERS = {"@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, "_": 31}


class DetachKeys:
    """Looks for one sequence in what is typed."""

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._held = b""
        self.seen = False
        """The whole sequence was typed."""

    def passed(self, data: bytes) -> bytes:
        """What of it, and of what was held back, is to be sent on. After the sequence nothing is."""
        if not self._keys or self.seen:
            return b"" if self.seen else data
        data, self._held = self._held + data, b""
        end = data.find(self._keys)
        if end >= 0:
            self.seen = True
            return data[:end]
        for size in range(min(len(self._keys) - 1, len(data)), 0, -1):
            if data.endswith(self._keys[:size]):
                self._held = data[-size:]
                return data[:-size]
        return data


def keys_of(text: str) -> bytes:
    """`ctrl-p,ctrl-q` or single letters with commas between them. CommandError."""
    found = bytearray()
    for word in filter(None, text.split(",")):
        letter = word[5:].lower() if word.lower().startswith("ctrl-") else ""
        if len(word) == 1 and word.isascii():
            found.append(ord(word))
        elif letter in _BESIDE_LETTERS:
            found.append(_BESIDE_LETTERS[letter])
        elif len(letter) == 1 and "a" <= letter <= "z":
            found.append(ord(letter) - 96)
        else:
            raise CommandError(f"invalid detach keys ({text}): Unknown character: '{word}'")
    return bytes(found)
