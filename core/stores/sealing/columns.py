"""The columns that hold people's words; each database seals them with the keys it was opened with.

What is sealed is bound to its table and its column, not to its row: runs are made from others by
copying rows within the database, which has no keys.
"""

import json
from typing import Any, Final

from sqlalchemy import ColumnElement, Dialect, Text, func, type_coerce
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine

from perdure.encryption.cipher import Cipher
from perdure.stores.sealing.text import KEY_CHARACTERS, SEALED, key_in, open_text, seal_text

_ATTRIBUTE: Final = "perdure_cipher"
_FIELD: Final = "sealed"


def use_cipher(dialect: Dialect, cipher: Cipher | None) -> None:
    """Have an engine, of which this is the dialect and no other's, seal its columns.

    Args:
        dialect: The engine's.
        cipher: What seals them; ``None`` stores them as they are.
    """
    setattr(dialect, _ATTRIBUTE, cipher)


def cipher_of(dialect: Dialect) -> Cipher | None:
    """Return what seals the columns of an engine; ``None`` where nothing does."""
    cipher: Cipher | None = getattr(dialect, _ATTRIBUTE, None)
    return cipher


class SealedText(TypeDecorator[str]):
    """Text from outside: sealed if there are keys, and read whether it is sealed or not.

    Nothing can be looked for in it. PostgreSQL refuses NUL characters, so they are replaced.
    """

    impl = Text
    cache_ok = True

    def __init__(self, place: str) -> None:
        """Bind it to its place, such as ``goals.description``."""
        super().__init__()
        self.place = place

    def coerce_compared_value(self, op: OperatorType | None, value: Any) -> TypeEngine[Any]:  # noqa: ARG002
        """Compare with text as it is: sealed, the same text is another one each time."""
        return Text()

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Seal a value that is stored."""
        if value is None:
            return None
        return seal_text(cipher_of(dialect), value.replace("\0", "\ufffd"), self.place)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Open a value that was read."""
        return None if value is None else open_text(cipher_of(dialect), value, self.place)

    def beginning(self, column: ColumnElement[str]) -> ColumnElement[str]:
        """Return as much of a column, as text that is not opened, as :meth:`key_of` needs."""
        return func.substr(column, 1, KEY_CHARACTERS, type_=Text)

    def key_of(self, beginning: str) -> str | None:
        """Return the id of the key that sealed a value; ``None`` for one that is not sealed.

        Raises:
            Tampered: Nothing that is sealed begins so.
        """
        return key_in(beginning)

    def resealed(self, stored: str, cipher: Cipher) -> str:
        """Return a sealed value as it is stored once the cipher's first key has sealed it.

        Raises:
            KeyMissing: It was sealed with a key that is not there.
            Tampered: It does not open.
        """
        return seal_text(cipher, open_text(cipher, stored, self.place), self.place)


class SealedJson(SealedText):
    """The JSON of an object, sealed but for a few fields, which stand at its beginning.

    Statements ask for these fields, so they hold no words.
    """

    cache_ok = True

    def __init__(self, place: str, *shown: str) -> None:
        """Bind it to its place, and name the fields that are not sealed."""
        super().__init__(place)
        self.shown = shown

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Seal a value that is stored."""
        cipher = cipher_of(dialect)
        if value is None or cipher is None:
            return value
        fields = json.loads(value)
        shown = {name: fields[name] for name in self.shown if name in fields}
        sealed = {**shown, _FIELD: seal_text(cipher, value, self.place)}
        return json.dumps(sealed, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Open a value that was read."""
        if value is None or SEALED not in value:
            return value
        sealed = json.loads(value).get(_FIELD)  # no object that is stored here has such a field
        return value if sealed is None else open_text(cipher_of(dialect), sealed, self.place)

    def beginning(self, column: ColumnElement[str]) -> ColumnElement[str]:
        """Return all of it: what is sealed stands at its end."""
        return column

    def key_of(self, beginning: str) -> str | None:
        """Return the id of the key that sealed a value; ``None`` for one that is not sealed."""
        sealed = json.loads(beginning).get(_FIELD) if SEALED in beginning else None
        return None if sealed is None else key_in(sealed)

    def resealed(self, stored: str, cipher: Cipher) -> str:
        """Return a sealed value as it is stored once the cipher's first key has sealed it."""
        fields = json.loads(stored)
        fields[_FIELD] = super().resealed(fields[_FIELD], cipher)
        return json.dumps(fields, separators=(",", ":"))


def is_sealed(column: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a column's value is sealed, so that nothing is found in it."""
    return type_coerce(column, Text).startswith(SEALED)
