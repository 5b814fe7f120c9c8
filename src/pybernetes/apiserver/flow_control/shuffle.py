"""Shuffle sharding: every flow gets a hand of queues out of the deck, and uses the shortest of them.

Two flows seldom share their whole hand, so that a flood of one leaves the other a queue (KEP-1040; the dealer takes
cards out of the hash value by mixed-radix digits).
"""

import hashlib


def hash_of(schema: str, flow: str) -> int:
    """64 bits that stand for a flow."""
    return int.from_bytes(hashlib.sha256(f"{schema},{flow}".encode()).digest()[:8], "big")


def hand(value: int, deck: int, size: int) -> list[int]:
    """`size` different numbers below `deck`, chosen by the hash value."""
    found: list[int] = []
    for count in range(size):
        value, card = divmod(value, deck - count)
        for taken in sorted(found):
            if card >= taken:
                card += 1
        found.append(card)
    return found
