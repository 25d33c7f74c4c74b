"""Canonical JSON (RFC 8785), and the digests of the audit trail."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

import rfc8785
from pydantic import JsonValue

# JSON's own numbers: a reader in another language may know no larger whole ones.
_MAX_WHOLE: Final = 2**53 - 1


def canonical(value: Mapping[str, JsonValue]) -> bytes:
    """Return the one form of a JSON object that its hash is taken of.

    Raises:
        ValueError: It has no such form, as a number that is not finite or text that is not UTF-8.
    """
    try:
        return rfc8785.dumps(dict(value))
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise ValueError(f"it has no canonical form: {error}") from error


def sha256(content: bytes) -> str:
    """Return a SHA-256 digest, 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def salted(salt: str, words: str) -> str:
    """Return what stands for words in the trail: 64 hexadecimal digits, HMAC-SHA-256.

    Args:
        salt: The secret of the person or run whose words they are. Once it is gone, nobody can try
            words against the digest.
        words: The words.
    """
    return hmac.digest(salt.encode(), words.encode(errors="replace"), "sha256").hex()


def exact(value: JsonValue) -> JsonValue:
    """Return a JSON value that has a canonical form: with no number or text that has none."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        # No larger float has a part behind the point, and it reads as a whole number again.
        return value if abs(value) <= _MAX_WHOLE else str(value)
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, list):
        return [exact(each) for each in value]
    return {str(exact(name)): exact(each) for name, each in value.items()}
