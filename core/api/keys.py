"""Keys for ``PERDURE_API_KEYS``, whose digests the server gets with its settings."""

from perdure.stores.access.keys import key_text, new_key_id
from perdure.stores.access.secrets import digest_of, new_secret


def new_key() -> tuple[str, str]:
    """Return a new random key of 256 bits, in the form of every other, and its digest.

    The digest, 64 hexadecimal digits, is that of the whole key.
    """
    key = key_text(new_key_id(), new_secret())
    return key, digest_of(key)
