"""The keys of the audit trail: a private one that signs seals, and what verifies them."""

from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from perdure.audit.canonical import sha256
from perdure.encryption.secret_source import read_secret

_SETTING: Final = "PERDURE_AUDIT_KEY"
_ID_DIGITS: Final = 16
_MAKE: Final = "openssl genpkey -algorithm ed25519 -out audit-key.pem"


class AuditKeyUnreadable(Exception):
    """A key of the audit trail cannot be read; the message says why, and holds none of it."""


class PublicKey:
    """What verifies seals.

    Attributes:
        id: The first 16 hexadecimal digits of the SHA-256 digest of its 32 bytes.
    """

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        self.id = sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw))[:_ID_DIGITS]

    def verify(self, signature: bytes, content: bytes) -> None:
        """Check a signature.

        Raises:
            InvalidSignature: It is another one.
        """
        self._key.verify(signature, content)


class SigningKey:
    """What signs seals.

    Attributes:
        public: What verifies them.
    """

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key())

    def sign(self, content: bytes) -> bytes:
        """Return the signature of a content, 64 bytes."""
        return self._key.sign(content)


def load_signing_key(source: str) -> SigningKey:
    """Read the private key that a setting names.

    Args:
        source: ``PERDURE_AUDIT_KEY``: the path of a PEM file that only its owner and group may
            read, or ``command:`` and a command that prints the same.

    Raises:
        SecretUnreadable: There is no such file, others may read it, or the command fails.
        AuditKeyUnreadable: It is no private Ed25519 key.
    """
    text = read_secret(source, _SETTING)
    try:
        key = load_pem_private_key(text, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise AuditKeyUnreadable(
            f"{_SETTING}: what it names is no private Ed25519 key in PEM without a password: make"
            f" one with {_MAKE}"
        )
    return SigningKey(key)


def load_public_key(path: Path) -> PublicKey:
    """Read a public key from a PEM file.

    Raises:
        AuditKeyUnreadable: The file cannot be read, or is none of a public Ed25519 key.
    """
    try:
        key = load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise AuditKeyUnreadable(
            f"{path} cannot be read ({error.strerror}): name the file of the public key"
        ) from error
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise AuditKeyUnreadable(
            f"{path} is no public Ed25519 key in PEM: it is what openssl pkey -in audit-key.pem"
            " -pubout prints"
        )
    return PublicKey(key)
