"""Exports that were tampered with: each thing that is wrong is named with its place."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from perdure.audit.canonical import canonical, exact, sha256
from perdure.audit.keys import SigningKey
from perdure.audit.merkle import merkle_root
from perdure.audit.seals import Seal, SignedSeal
from perdure.audit.verification import Verification, export_line, fact_line, verify

BEGAN = datetime(2026, 11, 27, 12, tzinfo=UTC)
KEY = SigningKey(Ed25519PrivateKey.generate())
OTHER_KEY = SigningKey(Ed25519PrivateKey.generate())


def fact(number: int, tokens: int = 7) -> str:
    data: dict[str, JsonValue] = {
        "kind": "model.request",
        "data": {"tokens": tokens, "number": number},
    }
    return canonical(data).decode()


@dataclass
class Trail:
    """An export as it is written: three seals over the facts 1 to 4, 5 to 9 without 7, and 10."""

    lines: list[bytes]
    seals: list[SignedSeal]

    def verified(self, lines: list[bytes] | None = None, **more: object) -> Verification:
        return verify(self.lines if lines is None else lines, [KEY.public], **more)  # type: ignore[arg-type]

    def index(self, number: int) -> int:
        """Return where the line of a fact is."""
        ends = f'"number":{number}}}\n'.encode()
        return next(
            at
            for at, line in enumerate(self.lines)
            if line.startswith(b'{"fact"') and line.endswith(ends)
        )

    def seal_index(self, number: int) -> int:
        """Return where the line of a seal is."""
        return [at for at, line in enumerate(self.lines) if b'"seal"' in line][number - 1]


def build(key: SigningKey = KEY) -> Trail:
    lines, seals = [export_line("stores")], []
    previous, total = "", 0
    sealed: tuple[tuple[list[int], list[int], list[int]], ...] = (
        ([1, 2, 3, 4], [], []),
        ([5, 6, 8, 9], [7], []),
        ([10], [], [7]),  # the transaction of 7 ended after those of 8 and 9
    )
    first = 1
    for number, (new, gaps, late) in enumerate(sealed, start=1):
        rows = [(each, sha256(fact(each).encode())) for each in sorted([*late, *new])]
        total += len(rows)
        seal = Seal(
            number=number,
            previous=previous,
            at=BEGAN + timedelta(minutes=number),
            first=first,
            last=new[-1],
            gaps=gaps,
            late=late,
            count=len(rows),
            total=total,
            root=merkle_root(rows),
            stores="stores",
            key=key.public.id,
        )
        signed = SignedSeal.sign(seal, key)
        lines += [fact_line(each, digest, fact(each)) for each, digest in rows]
        lines.append(signed.line() + b"\n")
        seals.append(signed)
        previous, first = seal.hash(), new[-1] + 1
    return Trail(lines, seals)


def places(found: Verification) -> list[str]:
    return [finding.place for finding in found.findings]


def only(found: Verification) -> tuple[str, str]:
    assert not found.holds
    [finding] = found.findings
    return finding.place, finding.message


def test_an_export_as_it_was_written_holds() -> None:
    found = build().verified()
    assert found.holds
    assert (found.facts, found.seals, found.withheld) == (10, 3, 0)
    assert (found.first_seal, found.last_seal) == (1, 3)
    assert found.sealed_until == BEGAN + timedelta(minutes=3)


def test_a_fact_that_was_edited_is_named() -> None:
    trail = build()
    at = trail.index(6)
    trail.lines[at] = trail.lines[at].replace(b'"tokens":7', b'"tokens":1')
    found = trail.verified()
    assert only(found) == ("fact 6", "was changed: it does not have its hash any more")
    assert found.findings[0].line == at + 1


def test_a_fact_that_was_edited_with_its_hash_is_placed_in_its_seal() -> None:
    trail = build()
    forged = fact(6, tokens=1)
    trail.lines[trail.index(6)] = fact_line(6, sha256(forged.encode()), forged)
    place, message = only(trail.verified())
    assert place == "seal 2"
    assert "another root than facts 5 to 9" in message


def test_a_fact_beside_the_one_that_was_sealed_is_not_believed() -> None:
    trail = build()
    at = trail.index(6)
    # A reader that takes the last of two takes this one.
    trail.lines[at] = trail.lines[at].rstrip(b"}\n") + b',"fact":{"tokens":1},"number":6}\n'
    assert only(trail.verified())[0] == "fact 6"


def test_blanks_and_order_of_a_line_do_not_matter() -> None:
    trail = build()
    at = trail.index(6)
    values = json.loads(trail.lines[at])
    turned = dict(reversed(values.items())) | {"fact": dict(reversed(values["fact"].items()))}
    trail.lines[at] = json.dumps(turned, indent=None).encode() + b"\r\n"
    assert trail.verified().holds


def test_a_fact_that_was_deleted_is_named() -> None:
    trail = build()
    del trail.lines[trail.index(6)]
    assert only(trail.verified()) == ("fact 6", "of seal 2 is missing: it was deleted")


@pytest.mark.parametrize("number", [7, 11, 100])
def test_a_fact_that_was_inserted_is_named(number: int) -> None:
    trail = build()
    line = fact_line(number, sha256(fact(number).encode()), fact(number))
    trail.lines.insert(trail.index(9) + 1, line)
    place, message = trail.verified().findings[-1].place, trail.verified().findings[-1].message
    assert place == f"fact {number}"
    assert "inserted" in message or "moved" in message


def test_a_fact_that_stands_twice_is_named() -> None:
    trail = build()
    trail.lines.insert(trail.index(6), trail.lines[trail.index(6)])
    assert only(trail.verified()) == ("fact 6", "stands there twice: one was inserted")


def test_facts_in_another_order_are_named() -> None:
    trail = build()
    five, six = trail.index(5), trail.index(6)
    trail.lines[five], trail.lines[six] = trail.lines[six], trail.lines[five]
    assert only(trail.verified()) == ("fact 5", "stands after fact 6: it was moved")


def test_a_fact_that_was_given_another_number_is_placed() -> None:
    trail = build()
    five, six = trail.index(5), trail.index(6)
    trail.lines[five] = fact_line(5, sha256(fact(6).encode()), fact(6))
    trail.lines[six] = fact_line(6, sha256(fact(5).encode()), fact(5))
    assert only(trail.verified())[0] == "seal 2"


def test_a_fact_that_was_moved_behind_another_seal_is_named_there_and_here() -> None:
    trail = build()
    line = trail.lines.pop(trail.index(6))
    trail.lines.insert(trail.index(10), line)
    found = trail.verified()
    assert set(places(found)) == {"fact 6"}
    assert {finding.message.split(":")[-1].strip() for finding in found.findings} >= {
        "it was deleted",
        "it was inserted",
    }


def test_a_seal_in_the_middle_that_was_deleted_is_named() -> None:
    trail = build()
    without = trail.lines[: trail.index(5)] + trail.lines[trail.seal_index(2) + 1 :]
    assert only(trail.verified(without)) == ("seal 2", "is missing: it was deleted with its facts")


def test_the_tail_without_its_seal_is_named() -> None:
    trail = build()
    found = trail.verified(trail.lines[:-1])
    assert places(found) == ["fact 7", "fact 10"]
    assert "cut off" in found.findings[0].message


def test_the_tail_cut_at_a_seal_shows_by_its_time_and_by_the_anchor() -> None:
    trail = build()
    cut = trail.lines[: trail.seal_index(2) + 1]
    assert trail.verified(cut).holds  # an export of a minute before is just like it
    place, message = only(trail.verified(cut, until=BEGAN + timedelta(minutes=3)))
    assert place == "seal 2"
    assert "tail was cut" in message
    anchored = [seal.line() for seal in trail.seals]
    place, message = only(trail.verified(cut, anchored=anchored))
    assert place == "seal 3"
    assert "anchored with 10 facts in all, but the export ends with seal 2 and 8 facts" in message
    assert trail.verified(anchored=anchored, until=BEGAN + timedelta(minutes=3)).holds


def test_what_is_anchored_and_not_exported_is_named() -> None:
    trail, another = build(), build()
    rewritten = [seal.line() for seal in another.seals]
    rewritten[1] = SignedSeal.sign(
        another.seals[1].seal.model_copy(update={"root": "0" * 64}), KEY
    ).line()
    assert only(trail.verified(anchored=rewritten)) == (
        "seal 2",
        "is not the one that was anchored",
    )
    for odd in (b"{}", b"nothing", build(OTHER_KEY).seals[0].line()):
        assert only(trail.verified(anchored=[odd]))[0] == "line 1 of the anchor"


def test_an_empty_export_does_not_hold() -> None:
    assert only(verify([], [KEY.public])) == (
        "the export",
        "has no seal: its tail was cut, or it is empty",
    )


def test_a_seal_that_was_changed_is_named() -> None:
    trail = build()
    at = trail.seal_index(2)
    trail.lines[at] = trail.lines[at].replace(b'"total":8', b'"total":9')
    found = trail.verified()
    assert found.findings[0].place == "seal 2"
    assert "forged or changed" in found.findings[0].message


def test_a_seal_that_another_key_has_signed_is_named() -> None:
    trail = build()
    genuine = trail.seals[1].seal
    forged = SignedSeal.sign(genuine, OTHER_KEY)  # and says that it is of the genuine one
    trail.lines[trail.seal_index(2)] = forged.line() + b"\n"
    assert places(trail.verified())[0] == "seal 2"
    own = genuine.model_copy(update={"key": OTHER_KEY.public.id})
    trail.lines[trail.seal_index(2)] = SignedSeal.sign(own, OTHER_KEY).line() + b"\n"
    found = trail.verified()
    assert found.findings[0].place == "seal 2"
    assert "none of those given" in found.findings[0].message


def test_a_seal_that_does_not_follow_the_one_before_is_named() -> None:
    trail = build()
    seal = trail.seals[1].seal.model_copy(update={"previous": "0" * 64})
    trail.lines[trail.seal_index(2)] = SignedSeal.sign(seal, KEY).line() + b"\n"
    found = trail.verified()
    assert places(found) == ["seal 2", "seal 3"]
    assert "does not follow the seal 1" in found.findings[0].message


def test_seals_in_another_order_are_named() -> None:
    trail = build()
    second = slice(trail.index(5), trail.seal_index(2) + 1)
    third = trail.lines[trail.seal_index(2) + 1 :]
    found = trail.verified([*trail.lines[: second.start], *third, *trail.lines[second]])
    assert "seal 2" in places(found)


def test_what_retention_has_cut_off_leaves_an_export_that_holds() -> None:
    trail = build()
    found = trail.verified(trail.lines[trail.index(5) :])
    assert found.holds
    assert (found.first_seal, found.last_seal, found.facts) == (2, 3, 6)


def test_facts_of_others_are_withheld_and_still_counted() -> None:
    trail = build()
    at = trail.index(6)
    trail.lines[at] = fact_line(6, sha256(fact(6).encode()), None)
    found = trail.verified()
    assert found.holds
    assert found.withheld == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line[:40] + b"\n",
        lambda line: b"[1]\n",
        lambda line: b"\xff\xfe\n",
        lambda line: b'{"nothing":1}\n',
        lambda line: b'{"number":"6","hash":"x"}\n',
        lambda line: line.replace(b'"number":6', b'"number":-6'),
        lambda line: line.replace(b'"number":6', b'"number":1e400'),
        lambda line: b'{"fact":' + b"[" * 100_000 + b"\n",
    ],
)
def test_lines_that_are_none_are_named_and_break_nothing(change: Callable[[bytes], bytes]) -> None:
    trail = build()
    at = trail.index(6)
    trail.lines[at] = change(trail.lines[at])
    found = trail.verified()
    assert f"line {at + 1}" in places(found)
    assert "fact 6" in places(found)  # which is missing now


def test_roots_are_those_of_rfc_6962() -> None:
    rows = [(number, sha256(str(number).encode())) for number in range(1, 8)]

    def leaf(row: tuple[int, str]) -> bytes:
        content = b"\x00" + row[0].to_bytes(8) + bytes.fromhex(row[1])
        return hashlib.sha256(content).digest()

    def tree(part: list[tuple[int, str]]) -> bytes:
        if len(part) == 1:
            return leaf(part[0])
        split = 1
        while split * 2 < len(part):
            split *= 2
        return hashlib.sha256(b"\x01" + tree(part[:split]) + tree(part[split:])).digest()

    for count in range(1, 8):
        assert merkle_root(rows[:count]) == tree(rows[:count]).hex()
    assert merkle_root([]) == hashlib.sha256().hexdigest()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(deadline=None)
@given(VALUES)
def test_every_value_has_a_canonical_form_that_reads_as_the_same(value: JsonValue) -> None:
    text = canonical({"value": exact(value)})
    assert canonical(json.loads(text)) == text


def test_the_canonical_form_is_that_of_rfc_8785() -> None:
    # The example of its section 3.2.
    value = json.loads(
        r"""{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],
        "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"""
    )
    assert canonical(value).decode() == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
