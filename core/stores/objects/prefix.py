"""Prefixes of object storage: what people call the files below one, and which they may have read.

An address is the key itself behind its bucket, as the clouds' own commands write it: nothing in it
is percent-encoded.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from perdure.stores.database.errors import InputRefused

_SETTING: Final = "PERDURE_BATCH_PREFIXES"
# In the setting it stands for the caller's tenant.
_TENANT: Final = "{tenant}"
_SCHEMES: Final = ("s3", "gs", "az")
_ADDRESS: Final = re.compile(rf"({'|'.join(_SCHEMES)})://([A-Za-z0-9][A-Za-z0-9._-]*)(?:/(.*))?")


@dataclass(frozen=True, slots=True)
class Prefix:
    """A place in a bucket.

    Attributes:
        bucket: The bucket's address, such as ``s3://invoices``.
        path: What keys below it begin with, without a slash at its end; empty for all.
    """

    bucket: str
    path: str

    @classmethod
    def parse(cls, address: str) -> Self:
        """Return the prefix of an address such as ``s3://bucket/invoices/``.

        Raises:
            InputRefused: It is none.
        """
        match = _ADDRESS.fullmatch(address)
        path = (match[3] or "").removesuffix("/") if match else ""
        segments = path.split("/") if path else []
        if match is None or not path.isprintable() or {"", ".", ".."} & set(segments):
            raise InputRefused(
                f"{address[:200]!r} is no prefix of object storage: write it as"
                " s3://bucket/folder/, gs://… or az://…"
            )
        return cls(f"{match[1]}://{match[2]}", path)

    @property
    def address(self) -> str:
        """What people write for it."""
        return f"{self.bucket}/{self.path}/" if self.path else f"{self.bucket}/"

    def is_within(self, other: Self) -> bool:
        """Return whether it lies below another one, or is it: ``a/bc`` is not below ``a/b``."""
        same = self.bucket == other.bucket
        return same and (not other.path or f"{self.path}/".startswith(f"{other.path}/"))


class PermittedPrefixes:
    """The prefixes that callers of the API may have read, with the credentials of the API."""

    def __init__(self, addresses: Sequence[str] = ()) -> None:
        """Bind them to what the setting names.

        Args:
            addresses: ``PERDURE_BATCH_PREFIXES``; ``{tenant}`` stands for the caller's tenant.

        Raises:
            InputRefused: One is no prefix.
        """
        for address in addresses:
            try:
                Prefix.parse(address.replace(_TENANT, "tenant"))
            except InputRefused as error:
                raise InputRefused(f"{_SETTING}: {error}") from None
        self._addresses = tuple(addresses)

    def check(self, address: str, tenant: str) -> Prefix:
        """Return the prefix of an address, if callers of a tenant may have it read.

        Raises:
            InputRefused: They may not, or it is no prefix.
        """
        prefix = Prefix.parse(address)
        permitted = [Prefix.parse(each.replace(_TENANT, tenant)) for each in self._addresses]
        if not any(map(prefix.is_within, permitted)):
            raise InputRefused(
                f"{prefix.address} lies below no prefix that batches may read here: have {_SETTING}"
                " name it, or hand the files in with POST /api/uploads"
            )
        return prefix
