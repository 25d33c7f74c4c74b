"""Sealing bytes with AES-256-GCM.

What is sealed says itself how to open it::

    magic (4) | version (1) | length of the id (1) | key's id | salt (16) | nonce (12) | ciphertext

Each :class:`Cipher` encrypts with a key of its own, derived from the keyring's first key and a
random salt: random nonces of 96 bits are safe for 2³² messages under one key, which an installation
would reach within days, and a process does not.
"""

import functools
import hmac
import os
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from perdure.encryption.keyring import SECRET_BYTES, Key, Keyring

# The first byte occurs in no UTF-8: no text, JSON above all, is taken for something sealed.
_MAGIC: Final = b"\xf5PDR"
_VERSION: Final = 1
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_FIXED: Final = len(_MAGIC) + 2
_HASH_DIGITS: Final = 32
# Of something sealed so many bytes say which key has sealed it.
KEY_ID_BYTES: Final = _FIXED + 64


class Tampered(Exception):
    """Something sealed does not open: it was changed, or belongs elsewhere."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}: it was changed, cut off, or moved from another place, or the key of that id"
            " was replaced by another; restore it, or the key, from a backup"
        )


class _Parts(NamedTuple):
    header: bytes
    key_id: str
    salt: bytes
    nonce: bytes
    ciphertext: bytes


class Cipher:
    """Seals and opens bytes with the keys of a keyring; may be used by several threads.

    Args:
        keyring: The keys.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._salt = os.urandom(_SALT_BYTES)
        key_id = keyring.first.id.encode()
        self._header = _MAGIC + bytes((_VERSION, len(key_id))) + key_id
        self._derived = functools.lru_cache(maxsize=4096)(_derived)
        self._hash_key = _hkdf(keyring.hash_key, b"", b"perdure: hashes of words")

    @property
    def key_id(self) -> str:
        """The id of the key that encrypts."""
        return self._keyring.first.id

    @property
    def key_ids(self) -> frozenset[str]:
        """The ids of all keys, which decrypt."""
        return frozenset(key.id for key in self._keyring.keys)

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        """Encrypt bytes.

        Args:
            plaintext: The bytes.
            context: Where they belong, such as the table, the column and the row: they open with
                the same context only, and it is no part of what is returned.
        """
        nonce = os.urandom(_NONCE_BYTES)
        header = self._header + self._salt
        ciphertext = self._derived(self._keyring.first, self._salt).encrypt(
            nonce, plaintext, header + context
        )
        return header + nonce + ciphertext

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Decrypt what :meth:`seal` returned.

        Raises:
            KeyMissing: It was sealed with a key that is not in the keyring.
            Tampered: It was changed, or sealed with another context.
        """
        parts = _split(sealed)
        key = self._keyring.find(parts.key_id)
        try:
            return self._derived(key, parts.salt).decrypt(
                parts.nonce, parts.ciphertext, parts.header + context
            )
        except InvalidTag:
            raise Tampered(f"What the key {key.id!r} sealed does not open") from None

    def keyed_hash(self, words: str) -> str:
        """Return what stands for words where they must not be read: 32 hexadecimal digits.

        The same words always give the same digits, in every process and also after a rotation: the
        hash's key (HMAC-SHA-256) is derived from :attr:`.Keyring.hash_key`, so it changes only when
        that one is removed. Nobody without the keys can tell the words from it, or try words.
        """
        return hmac.digest(self._hash_key, words.encode(), "sha256").hex()[:_HASH_DIGITS]


def is_sealed(data: bytes) -> bool:
    """Return whether bytes begin as something sealed does, which no text in UTF-8 does."""
    return data.startswith(_MAGIC)


def sealed_with(sealed: bytes) -> str:
    """Return the id of the key that sealed something.

    Raises:
        Tampered: It is not, or no longer, what :meth:`Cipher.seal` returned.
    """
    return _split(sealed).key_id


def key_id_in(beginning: bytes) -> str:
    """Return the id of the key that sealed something, by its first :data:`KEY_ID_BYTES` or more.

    Raises:
        Tampered: Nothing begins so that :meth:`Cipher.seal` returned.
    """
    if not is_sealed(beginning) or len(beginning) < _FIXED or beginning[len(_MAGIC)] != _VERSION:
        raise Tampered("These bytes are not what this version seals")
    try:
        return beginning[_FIXED : _FIXED + beginning[_FIXED - 1]].decode("ascii")
    except UnicodeDecodeError:
        raise Tampered("The key's id in sealed bytes cannot be read") from None


def _split(sealed: bytes) -> _Parts:
    key_id = key_id_in(sealed)
    end_of_id = _FIXED + sealed[_FIXED - 1]
    end_of_salt = end_of_id + _SALT_BYTES
    end_of_nonce = end_of_salt + _NONCE_BYTES
    if len(sealed) < end_of_nonce + _TAG_BYTES:
        raise Tampered("Sealed bytes end before their tag")
    return _Parts(
        sealed[:end_of_salt],
        key_id,
        sealed[end_of_id:end_of_salt],
        sealed[end_of_salt:end_of_nonce],
        sealed[end_of_nonce:],
    )


def _derived(key: Key, salt: bytes) -> AESGCM:
    return AESGCM(_hkdf(key, salt, b"perdure: AES-256-GCM"))


def _hkdf(key: Key, salt: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), length=SECRET_BYTES, salt=salt, info=purpose).derive(key.secret)
