"""The keys of an installation: the first one encrypts, and all of them decrypt."""

import re
from dataclasses import dataclass, field
from typing import Final

SECRET_BYTES: Final = 32

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class KeyMissing(LookupError):
    """Something was sealed with a key that this process does not have.

    Attributes:
        key_id: The key's id.
    """

    def __init__(self, key_id: str) -> None:
        super().__init__(
            f"This was sealed with the key {key_id!r}, which is not among PERDURE_ENCRYPTION_KEYS:"
            " add its line again, after the others, and start again what reads it"
        )
        self.key_id = key_id


@dataclass(frozen=True, slots=True)
class Key:
    """A secret of 32 random bytes, and what it is called.

    Attributes:
        id: Its name, which is written in the clear beside what it seals: letters, digits, dots,
            dashes and underscores, 64 at most.
        secret: The bytes.

    Raises:
        ValueError: The id or the number of bytes is none that a key can have.
    """

    id: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        # Neither is repeated: what stands where the id belongs may be the secret.
        if not _ID.fullmatch(self.id):
            raise ValueError(
                "its id is not made of letters, digits, dots, dashes and underscores, 64 at most"
            )
        if len(self.secret) != SECRET_BYTES:
            raise ValueError(f"it has {len(self.secret)} bytes instead of {SECRET_BYTES}")


@dataclass(frozen=True, slots=True)
class Keyring:
    """All keys of an installation.

    Attributes:
        keys: The keys: the first one encrypts, all of them decrypt.
        hash_key_id: The id of the one that hashes are derived of, which therefore stays when the
            others are replaced; the last one when not given.

    Raises:
        ValueError: There is no key, two have the same id, or none has that of hashes.
    """

    keys: tuple[Key, ...]
    hash_key_id: str = ""

    def __post_init__(self) -> None:
        if not self.keys:
            raise ValueError("there is no key")
        ids = [key.id for key in self.keys]
        for key_id in ids:
            if ids.count(key_id) > 1:
                raise ValueError(f"the id {key_id!r} is given to several keys")
        if self.hash_key_id and self.hash_key_id not in ids:
            raise ValueError(f"no key has the id {self.hash_key_id!r}, of which hashes are derived")

    @property
    def first(self) -> Key:
        """The key that encrypts."""
        return self.keys[0]

    @property
    def hash_key(self) -> Key:
        """The key of which that of hashes is derived."""
        return self.find(self.hash_key_id) if self.hash_key_id else self.keys[-1]

    def find(self, key_id: str) -> Key:
        """Return the key of an id.

        Raises:
            KeyMissing: There is none.
        """
        for key in self.keys:
            if key.id == key_id:
                return key
        raise KeyMissing(key_id)
