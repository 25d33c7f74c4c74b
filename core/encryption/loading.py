"""Reading the keys from where the setting says: a file, or what a command prints."""

import base64
import binascii
import functools
from pathlib import Path
from typing import Final

from perdure.encryption.cipher import Cipher
from perdure.encryption.keyring import Key, Keyring
from perdure.encryption.secret_source import COMMAND, SecretUnreadable, read_secret

_HASHES: Final = b"hashes"
_SETTING: Final = "PERDURE_ENCRYPTION_KEYS"


class KeysUnreadable(Exception):
    """The keys cannot be read; the message says why, and holds nothing of what was read."""


@functools.cache
def load_cipher(source: str) -> Cipher | None:
    """Return the cipher of the keys that a setting names, read once in a process.

    Args:
        source: ``PERDURE_ENCRYPTION_KEYS``; without one nothing is encrypted: ``None`` is returned.

    Raises:
        KeysUnreadable: The keys cannot be read.
    """
    return Cipher(load_keyring(source)) if source else None


def load_keyring(source: str) -> Keyring:
    """Read the keys that a setting names.

    Args:
        source: The path of a file that only its owner and group may read, or ``command:`` and a
            command (no shell) that prints the same within 30 seconds: a line for each key, the one
            that encrypts first, of its id and the base64 of its 32 bytes, and of the word
            ``hashes`` behind the one that stays for hashes; empty lines and such that begin with
            ``#`` are skipped.

    Raises:
        KeysUnreadable: There is no such file, others may read it, the command fails, or a line is
            none of a key.
    """
    try:
        text = read_secret(source, _SETTING)
    except SecretUnreadable as error:
        raise KeysUnreadable(str(error)) from error
    is_command = source.startswith(COMMAND)
    where = "what its command prints" if is_command else str(Path(source).expanduser())
    return _parse(text, where)


def _parse(text: bytes, where: str) -> Keyring:
    keys: list[Key] = []
    hash_key_id = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith(b"#"):
            continue
        try:
            key_id, secret, *marks = line.split()
            if marks not in ([], [_HASHES]):
                raise _unreadable(where, number, "there is more than an id and base64")
            keys.append(Key(key_id.decode("ascii"), base64.b64decode(secret, validate=True)))
        except (UnicodeDecodeError, binascii.Error):
            raise _unreadable(where, number, "it is not an id and base64") from None
        except ValueError as error:
            reason = str(error) if b" " in line.strip() else "it is not an id, a space and base64"
            raise _unreadable(where, number, reason) from None
        if marks and hash_key_id:
            raise _unreadable(where, number, "another is marked for hashes too")
        hash_key_id = keys[-1].id if marks else hash_key_id
    try:
        return Keyring(tuple(keys), hash_key_id)
    except ValueError as error:
        raise KeysUnreadable(
            f"{_SETTING}: {where} cannot be used, as {error}: write a line for each key, its id and"
            " what openssl rand -base64 32 prints"
        ) from None


def _unreadable(where: str, number: int, reason: str) -> KeysUnreadable:
    return KeysUnreadable(
        f"{_SETTING}: line {number} of {where} is no key, as {reason}: write its id, a space and"
        " what openssl rand -base64 32 prints"
    )
