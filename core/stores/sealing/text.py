"""Text that is sealed, as a column keeps it; what was stored before keys were set stays readable.

Both kinds lie side by side in a column: keys can be set, and changed, with goals under way.
"""

import base64
import hashlib
import hmac
from typing import Final

from perdure.encryption.cipher import KEY_ID_BYTES, Cipher, key_id_in, sealed_with
from perdure.encryption.keyring import KeyMissing

# What a column holds that begins with it is sealed; plain text that happens to is marked.
SEALED: Final = "perdure-sealed:"
_PLAIN: Final = f"{SEALED}="  # no base64 begins with it
# Of what a column keeps so many characters say which key has sealed it.
KEY_CHARACTERS: Final = len(SEALED) + (KEY_ID_BYTES + 2) // 3 * 4


def seal_text(cipher: Cipher | None, text: str, place: str) -> str:
    """Return what a column keeps of a text; of an empty one it can be seen that it is empty.

    Args:
        cipher: What seals it; ``None`` leaves it as it is.
        text: The text.
        place: The table and the column, as in ``goals.description``: what is moved to another one
            does not open there.
    """
    if cipher is None or not text:
        return f"{_PLAIN}{text}" if text.startswith(SEALED) else text
    sealed = cipher.seal(text.encode(), place.encode())
    return SEALED + base64.b64encode(sealed).decode("ascii")


def open_text(cipher: Cipher | None, stored: str, place: str) -> str:
    """Return the text that a column keeps, whether it is sealed or not.

    Raises:
        KeyMissing: It was sealed with a key that is not there.
        Tampered: It was changed, or moved from another column.
    """
    if not stored.startswith(SEALED):
        return stored
    if stored.startswith(_PLAIN):
        return stored.removeprefix(_PLAIN)
    sealed = _sealed(stored)
    if cipher is None:
        raise KeyMissing(sealed_with(sealed))
    return cipher.open(sealed, place.encode()).decode()


def key_of(stored: str) -> str | None:
    """Return the id of the key that sealed what a column keeps; ``None`` for plain text."""
    if not stored.startswith(SEALED) or stored.startswith(_PLAIN):
        return None
    return sealed_with(_sealed(stored))


def key_in(beginning: str) -> str | None:
    """Return the id of the key that sealed a text; ``None`` for plain text.

    Args:
        beginning: The first :data:`KEY_CHARACTERS` of what a column keeps of it, or more.

    Raises:
        Tampered: No sealed text begins so.
    """
    if not beginning.startswith(SEALED) or beginning.startswith(_PLAIN):
        return None
    return key_id_in(_sealed(beginning[:KEY_CHARACTERS]))


def keyed_digest(secret: bytes | None, digest: str) -> str:
    """Return what stands for a digest, 64 hexadecimal digits: nobody can try words against it.

    Args:
        secret: The installation's; ``None``, without keys, leaves the digest as it is.
        digest: The digest of words.
    """
    if secret is None:
        return digest
    return hmac.new(secret, digest.encode(), hashlib.sha256).hexdigest()


def _sealed(stored: str) -> bytes:
    # What is no base64 comes out as bytes that nothing sealed begins with.
    return base64.b64decode(stored[len(SEALED) :], validate=False)
