"""Payloads as Temporal gets them: sealed, where there are keys."""

from collections.abc import Sequence
from typing import Final

from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from perdure.encryption.cipher import Cipher, Tampered, sealed_with
from perdure.encryption.keyring import KeyMissing

# As Temporal's own examples name it, so that other tools know what it is.
ENCODING: Final = b"binary/encrypted"

_CONTEXT: Final = b"temporal payload"


class SealingCodec(PayloadCodec):
    """Seals whole payloads, and opens those that are sealed.

    Payloads that are not sealed are left as they are when they are read: they are older than the
    keys, or of a client that has none.

    Args:
        cipher: Seals and opens; without one nothing is sealed, and nothing sealed can be read.
    """

    def __init__(self, cipher: Cipher | None) -> None:
        self._cipher = cipher

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return the payloads, sealed."""
        cipher = self._cipher
        return list(payloads) if cipher is None else [_sealed(cipher, one) for one in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return the payloads, opened.

        Raises:
            KeyMissing: One was sealed with a key that is not in the keyring.
            Tampered: One was changed.
        """
        return [
            self._opened(one) if one.metadata.get("encoding") == ENCODING else one
            for one in payloads
        ]

    def keyed_hash(self, words: str) -> str | None:
        """Return :meth:`.Cipher.keyed_hash` of words; ``None`` where there are no keys."""
        return None if self._cipher is None else self._cipher.keyed_hash(words)

    def _opened(self, payload: Payload) -> Payload:
        if self._cipher is None:
            raise KeyMissing(sealed_with(payload.data))
        opened = self._cipher.open(payload.data, _CONTEXT)
        try:
            return Payload.FromString(opened)
        except DecodeError:
            raise Tampered("What was sealed is no payload of Temporal's") from None


def _sealed(cipher: Cipher, payload: Payload) -> Payload:
    return Payload(
        metadata={"encoding": ENCODING, "encryption-key-id": cipher.key_id.encode()},
        data=cipher.seal(payload.SerializeToString(), _CONTEXT),
    )
