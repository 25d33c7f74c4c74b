"""Seals: what says, signed, which facts there were at a time, and which seal came before."""

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from cryptography.exceptions import InvalidSignature
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from perdure.audit.canonical import canonical, sha256
from perdure.audit.keys import PublicKey, SigningKey


class Seal(BaseModel):
    """One seal.

    Attributes:
        number: 1, 2, 3 … without a gap.
        previous: The hash of the seal before; empty for the first.
        at: When it was made, in UTC.
        first: The number of its first fact; that after the seal before.
        last: The number of its last one.
        gaps: The numbers in between that no fact has, for its transaction was taken back, or had
            not ended.
        late: The numbers of earlier gaps whose transactions have ended since: facts of this seal.
        count: How many facts it has.
        total: How many facts it and all before have.
        root: The Merkle root over its facts, in the order of their numbers.
        stores: The installation's id.
        key: The id of the key that signs it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    number: int = Field(ge=1)
    previous: str
    at: AwareDatetime = Field(strict=False)
    first: int = Field(ge=1)
    last: int = Field(ge=0)
    gaps: list[int]
    late: list[int]
    count: int = Field(ge=0)
    total: int = Field(ge=0)
    root: str
    stores: str
    key: str

    def body(self) -> bytes:
        """Return what is signed: canonical JSON."""
        return canonical(self.model_dump(mode="json"))

    def hash(self) -> str:
        """Return the hash by which the next one names it."""
        return sha256(self.body())

    def numbers(self) -> set[int]:
        """Return the numbers of its facts."""
        return {*range(self.first, self.last + 1)} - {*self.gaps} | {*self.late}


class SignedSeal(BaseModel):
    """A seal with its signature, as it stands in an export and in an anchor.

    Attributes:
        seal: The seal.
        signature: Ed25519 over its canonical JSON, in base64.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seal: Seal
    signature: str

    @classmethod
    def sign(cls, seal: Seal, key: SigningKey) -> Self:
        """Return a seal, signed."""
        return cls(seal=seal, signature=base64.b64encode(key.sign(seal.body())).decode())

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Return what stands in an export.

        Raises:
            ValueError: It is no seal.
        """
        return cls.model_validate(values)

    def is_signed_with(self, key: PublicKey) -> bool:
        """Return whether the signature is that key's."""
        try:
            key.verify(base64.b64decode(self.signature, validate=True), self.seal.body())
        except (InvalidSignature, ValueError):
            return False
        return True

    def line(self) -> bytes:
        """Return the line of an export or an anchor, without its end."""
        return canonical(json.loads(self.model_dump_json()))


def time_text(at: datetime) -> str:
    """Return a time as people read it in messages."""
    return f"{at:%Y-%m-%d %H:%M:%S %Z}"
