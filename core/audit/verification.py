"""Verifying an export of the audit trail, with nothing but the file and public keys.

An export has a line for each fact and, after the facts that it covers, one for each seal. What is
wrong is named with its place: a fact by its number, a seal by its, and the line.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from perdure.audit.canonical import canonical, sha256
from perdure.audit.keys import PublicKey
from perdure.audit.merkle import merkle_root
from perdure.audit.seals import SignedSeal, time_text

# More is counted and not kept.
MAX_FINDINGS: Final = 1_000
_HEX_DIGITS: Final = 64
_NAMES: Final = frozenset({"fact", "hash", "number"})
_EXPORTED: Final = re.compile(
    rb'\{"fact":(.*),"hash":"([0-9a-f]{64})","number":([1-9][0-9]{0,17})\}', re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with an export.

    Attributes:
        place: Where, such as ``fact 17``, ``seal 3`` or ``line 20``.
        message: What is wrong there.
        line: The line of the export, from 1; ``None`` for what is missing.
    """

    place: str
    message: str
    line: int | None = None


@dataclass(slots=True)
class Verification:
    """What came of verifying an export.

    Attributes:
        facts: How many facts it has.
        withheld: Of how many of them it has the hash alone, as of those of other tenants.
        seals: How many seals it has.
        first_seal: The number of the first one; above 1 where what was before is not in it.
        last_seal: The number of the last one.
        sealed_until: When that was made: what was done until then is in it.
        problems: How many things are wrong.
        findings: The first thousand of them.
    """

    facts: int = 0
    withheld: int = 0
    seals: int = 0
    first_seal: int | None = None
    last_seal: int | None = None
    sealed_until: datetime | None = None
    problems: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify(
    lines: Iterable[bytes],
    keys: Sequence[PublicKey],
    *,
    anchored: Iterable[bytes] = (),
    until: datetime | None = None,
) -> Verification:
    """Verify an export.

    Args:
        lines: Its lines.
        keys: The public keys that its seals may be signed with.
        anchored: The lines of an anchor, which was kept where nobody could change it: the export
            must have each of its seals that is not older than its first one.
        until: The last seal must not be older.
    """
    verifier = _Verifier({key.id: key for key in keys})
    for number, line in enumerate(lines, start=1):
        verifier.read(number, line.rstrip(b"\r\n"))
    verifier.end(_anchored(anchored, verifier), until)
    return verifier.result


class _Row(NamedTuple):
    line: int
    number: int
    hash: str


class _Verifier:
    def __init__(self, keys: dict[str, PublicKey]) -> None:
        self.result = Verification()
        self.keys = keys
        self._rows: list[_Row] = []
        self._last: SignedSeal | None = None
        self._hashes: dict[int, str] = {}

    def report(self, place: str, message: str, line: int | None = None) -> None:
        self.result.problems += 1
        if len(self.result.findings) < MAX_FINDINGS:
            self.result.findings.append(Finding(place, message, line))

    def read(self, number: int, line: bytes) -> None:
        # As it was exported, and has its hash: there is nothing in it to be read.
        exported = _EXPORTED.fullmatch(line)
        if exported is not None:
            digest = exported[2].decode()
            if sha256(exported[1]) == digest:
                self.result.facts += 1
                self._rows.append(_Row(number, int(exported[3]), digest))
                return
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, dict):
            self.report(f"line {number}", "is no JSON object: it was changed or cut off", number)
        elif "seal" in values:
            self._read_seal(number, values)
        elif "number" in values:
            self._read_fact(number, line, values)
        elif "export" not in values or number > 1:
            self.report(f"line {number}", "is neither a fact nor a seal: it was inserted", number)

    def _read_fact(self, line: int, text: bytes, values: dict[str, Any]) -> None:
        number, digest = values["number"], values.get("hash")
        is_number = type(number) is int and 0 < number < 2**63
        if not is_number or not isinstance(digest, str) or not _is_hash(digest):
            self.report(f"line {line}", "is no fact with a number and a hash", line)
            return
        self.result.facts += 1
        if not values.keys() <= _NAMES:
            self.report(f"fact {number}", "has more than a fact has: it was changed", line)
        elif "fact" not in values:
            self.result.withheld += 1
        elif not _has_hash(text, digest):
            self.report(f"fact {number}", "was changed: it does not have its hash any more", line)
        self._rows.append(_Row(line, number, digest))

    def _read_seal(self, line: int, values: dict[str, Any]) -> None:
        try:
            signed = SignedSeal.parse(values)
        except ValueError:
            self.report(f"line {line}", "is no seal: it was changed", line)
            return
        rows, self._rows = self._rows, []
        seal, place = signed.seal, f"seal {signed.seal.number}"
        self.result.seals += 1
        if (key := self.keys.get(seal.key)) is None:
            self.report(
                place, f"is signed with the key {seal.key}, which is none of those given", line
            )
            return
        if not signed.is_signed_with(key):
            self.report(place, "was forged or changed: its signature is not the key's", line)
            return
        self._follow(signed, line)
        self._check_rows(signed, rows, line)

    def _follow(self, signed: SignedSeal, line: int) -> None:
        """Check that a seal follows the one before, and take it for the last one."""
        seal, last, place = signed.seal, self._last, f"seal {signed.seal.number}"
        if last is None:
            self.result.first_seal = seal.number
        elif seal.number <= last.seal.number:
            self.report(place, f"stands after seal {last.seal.number}: it was moved", line)
            return
        elif seal.number > last.seal.number + 1:
            for missing in range(last.seal.number + 1, min(seal.number, last.seal.number + 100)):
                self.report(f"seal {missing}", "is missing: it was deleted with its facts")
        elif seal.previous != last.seal.hash():
            self.report(place, f"does not follow the seal {last.seal.number} that is there", line)
        if last is not None and seal.stores != last.seal.stores:
            self.report(place, "is another installation's", line)
        self._last = signed
        self._hashes[seal.number] = seal.hash()
        self.result.last_seal, self.result.sealed_until = seal.number, seal.at

    def _ordered(self, rows: list[_Row]) -> list[_Row]:
        """Report facts that stand twice or in another order, and return the others in order."""
        found: dict[int, _Row] = {}
        highest = 0
        for row in rows:
            if row.number in found:
                self.report(f"fact {row.number}", "stands there twice: one was inserted", row.line)
                continue
            if row.number < highest:
                self.report(
                    f"fact {row.number}", f"stands after fact {highest}: it was moved", row.line
                )
            highest = max(highest, row.number)
            found[row.number] = row
        return [found[number] for number in sorted(found)]

    def _check_rows(self, signed: SignedSeal, rows: list[_Row], line: int) -> None:
        seal = signed.seal
        sealed = seal.numbers()
        for row in rows:
            if row.number not in sealed:
                self.report(
                    f"fact {row.number}", f"is not in seal {seal.number}: it was inserted", row.line
                )
        there = self._ordered([row for row in rows if row.number in sealed])
        missing = sealed - {row.number for row in there}
        for number in sorted(missing):
            self.report(f"fact {number}", f"of seal {seal.number} is missing: it was deleted")
        if not missing and merkle_root((row.number, row.hash) for row in there) != seal.root:
            facts = f"facts {there[0].number} to {there[-1].number}" if there else "no fact"
            self.report(
                f"seal {seal.number}",
                f"has another root than {facts}: one of them was replaced, hash and all",
                line,
            )

    def end(self, anchored: Sequence[SignedSeal], until: datetime | None) -> None:
        """Check what only the end of the export shows."""
        for row in self._rows:
            self.report(
                f"fact {row.number}",
                "is in no seal: it was inserted, or the seal after it was cut off",
                row.line,
            )
        if self._last is None:
            if not self.result.problems:
                self.report("the export", "has no seal: its tail was cut, or it is empty")
            return
        last = self._last.seal
        for each in anchored:
            seal = each.seal
            if seal.number in self._hashes and self._hashes[seal.number] != seal.hash():
                self.report(f"seal {seal.number}", "is not the one that was anchored")
        newest = max((each.seal for each in anchored), key=lambda seal: seal.number, default=last)
        if newest.number > last.number:
            self.report(
                f"seal {newest.number}",
                f"of {time_text(newest.at)} was anchored with {newest.total:,} facts in all, but"
                f" the export ends with seal {last.number} and {last.total:,} facts: its tail was"
                " cut",
            )
        if until is not None and last.at < until:
            self.report(
                f"seal {last.number}",
                f"is the last one and of {time_text(last.at)}, before {time_text(until)}: the tail"
                " was cut, or nothing has been sealed since",
            )


def _anchored(lines: Iterable[bytes], verifier: _Verifier) -> list[SignedSeal]:
    """Return the seals of an anchor; what is none is reported."""
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"line {number} of the anchor"
        try:
            signed = SignedSeal.parse(json.loads(line))
        except (ValueError, RecursionError):
            verifier.report(place, "is no seal")
            continue
        key = verifier.keys.get(signed.seal.key)
        if key is None or not signed.is_signed_with(key):
            verifier.report(place, "is not signed with a key that was given")
            continue
        found.append(signed)
    return found


def _has_hash(text: bytes, digest: str) -> bool:
    """Return whether a fact has its hash, whatever the blanks and the order of its line are."""
    try:
        fact = json.loads(text, object_pairs_hook=_without_repetition)["fact"]
        return sha256(canonical(fact)) == digest
    except (ValueError, TypeError, AttributeError, RecursionError):
        return False


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of which every reader sees the same."""
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name stands twice in it")
    return values


def _is_hash(value: str) -> bool:
    if len(value) != _HEX_DIGITS:
        return False
    try:
        bytes.fromhex(value)
    except ValueError:
        return False
    return True


def fact_line(number: int, digest: str, fact: str | None) -> bytes:
    """Return the line of a fact in an export, with its end.

    Args:
        number: Its number.
        digest: Its hash.
        fact: Its canonical JSON; ``None`` to withhold it.
    """
    shown = "" if fact is None else f'"fact":{fact},'
    return f'{{{shown}"hash":"{digest}","number":{number}}}\n'.encode()


def export_line(stores_id: str) -> bytes:
    """Return the first line of an export, which says what it is and is not sealed."""
    return canonical({"export": "perdure audit trail", "version": 1, "stores": stores_id}) + b"\n"


def lines_of(file: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of an export that are not empty."""
    return (line for line in file if line.strip())
