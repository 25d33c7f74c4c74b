"""Merkle trees as in RFC 6962: a root over rows, none of which can be changed without it."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"


def merkle_root(rows: Iterable[tuple[int, str]]) -> str:
    """Return the root of rows in the order of their numbers, 64 hexadecimal digits.

    Args:
        rows: The number and the hash of each; a leaf is of both, so that no row can take
            another's place.
    """
    level = [_hash(_LEAF, number.to_bytes(8), bytes.fromhex(digest)) for number, digest in rows]
    if not level:
        return hashlib.sha256().hexdigest()
    while len(level) > 1:
        level = _parents(level)
    return level[0].hex()


def _parents(level: Sequence[bytes]) -> list[bytes]:
    parents = [_hash(_NODE, level[left], level[left + 1]) for left in range(0, len(level) - 1, 2)]
    if len(level) % 2:
        parents.append(level[-1])
    return parents


def _hash(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()
