"""Exports of every shape, tampered with in every place: each time it is named where."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from perdure.audit.canonical import canonical, sha256
from perdure.audit.keys import SigningKey
from perdure.audit.merkle import merkle_root
from perdure.audit.seals import Seal, SignedSeal
from perdure.audit.verification import Verification, export_line, fact_line, verify

BEGAN = datetime(2026, 11, 27, 12, tzinfo=UTC)
KEY = SigningKey(Ed25519PrivateKey.generate())
FORGER = SigningKey(Ed25519PrivateKey.generate())


@dataclass(frozen=True)
class Line:
    """A line of an export: that of a fact, of a seal, or the first one."""

    text: bytes
    seal: int
    fact: int | None = None


@dataclass(frozen=True)
class Trail:
    """An export, and the seals that were anchored meanwhile."""

    lines: tuple[Line, ...]
    seals: tuple[SignedSeal, ...]

    @property
    def facts(self) -> list[int]:
        return [at for at, line in enumerate(self.lines) if line.fact is not None]

    def of_seal(self, number: int) -> int:
        """Return where the line of a seal is."""
        return next(
            at
            for at, line in enumerate(self.lines)
            if at and line.fact is None and line.seal == number
        )


def fact(number: int, tokens: int = 7) -> str:
    data: dict[str, JsonValue] = {"kind": "model.request", "data": {"tokens": tokens, "n": number}}
    return canonical(data).decode()


@st.composite
def trails(draw: st.DrawFn) -> Trail:
    """Draw an export: of some seals, each over some facts, with numbers that were taken back."""
    lines, seals = [Line(export_line("stores"), 0)], list[SignedSeal]()
    previous, total, first = "", 0, 1
    for number in range(1, draw(st.integers(1, 5)) + 1):
        taken = draw(st.lists(st.booleans(), max_size=7))
        numbers = [first + at for at, is_there in enumerate(taken) if is_there]
        last = numbers[-1] if numbers else first - 1
        rows = [(each, sha256(fact(each).encode())) for each in numbers]
        total += len(rows)
        seal = Seal(
            number=number,
            previous=previous,
            at=BEGAN + timedelta(minutes=number),
            first=first,
            last=last,
            gaps=[each for each in range(first, last + 1) if each not in numbers],
            late=[],
            count=len(rows),
            total=total,
            root=merkle_root(rows),
            stores="stores",
            key=KEY.public.id,
        )
        lines += [Line(fact_line(each, hashed, fact(each)), number, each) for each, hashed in rows]
        signed = SignedSeal.sign(seal, KEY)
        lines.append(Line(signed.line() + b"\n", number))
        seals.append(signed)
        previous, first = seal.hash(), last + 1
    return Trail(tuple(lines), tuple(seals))


def verified(lines: list[Line], trail: Trail | None = None) -> Verification:
    anchored = [seal.line() for seal in trail.seals] if trail else []
    return verify([line.text for line in lines], [KEY.public], anchored=anchored)


def places(found: Verification) -> list[str]:
    assert not found.holds
    return [finding.place for finding in found.findings]


def with_facts(least: int = 1) -> st.SearchStrategy[Trail]:
    return trails().filter(lambda trail: len(trail.facts) >= least)


@settings(deadline=None)
@given(trails())
def test_an_export_as_it_was_written_holds(trail: Trail) -> None:
    found = verified([*trail.lines], trail)
    assert found.holds, found.findings
    assert (found.facts, found.seals) == (len(trail.facts), len(trail.seals))


@settings(deadline=None)
@given(with_facts(), st.data())
def test_an_edited_fact_is_named(trail: Trail, data: st.DataObject) -> None:
    at = data.draw(st.sampled_from(trail.facts))
    line, lines = trail.lines[at], [*trail.lines]
    edited = line.text.replace(b'"tokens":7', b'"tokens":1')
    lines[at] = Line(edited, line.seal, line.fact)
    assert places(verified(lines)) == [f"fact {line.fact}"]
    # With the hash of the new one, it is not what the seal is over.
    assert line.fact is not None
    forged = fact(line.fact, tokens=1)
    lines[at] = Line(fact_line(line.fact, sha256(forged.encode()), forged), line.seal)
    assert places(verified(lines)) == [f"seal {line.seal}"]


@settings(deadline=None)
@given(with_facts(), st.data())
def test_a_changed_byte_is_named(trail: Trail, data: st.DataObject) -> None:
    at = data.draw(st.sampled_from(trail.facts))
    line, lines = trail.lines[at], [*trail.lines]
    place = data.draw(st.integers(0, len(line.text) - 2))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != line.text[place]))
    changed = line.text[:place] + bytes([byte]) + line.text[place + 1 :]
    lines[at] = Line(changed, line.seal)
    found = verified(lines)
    assert {f"fact {line.fact}", f"seal {line.seal}"} & {*places(found)}


@settings(deadline=None)
@given(with_facts(), st.data())
def test_a_deleted_fact_is_named(trail: Trail, data: st.DataObject) -> None:
    at = data.draw(st.sampled_from(trail.facts))
    lines = [*trail.lines[:at], *trail.lines[at + 1 :]]
    assert places(verified(lines)) == [f"fact {trail.lines[at].fact}"]


@settings(deadline=None)
@given(trails(), st.data())
def test_an_inserted_fact_is_named(trail: Trail, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, 40))
    at = data.draw(st.integers(1, len(trail.lines)))
    line = Line(fact_line(number, sha256(fact(number).encode()), fact(number)), 0)
    found = verified([*trail.lines[:at], line, *trail.lines[at:]])
    assert f"fact {number}" in places(found)
    if number not in {one.fact for one in trail.lines}:
        [finding] = found.findings
        assert (finding.place, finding.line) == (f"fact {number}", at + 1)


@settings(deadline=None)
@given(with_facts(2), st.data())
def test_facts_in_another_order_are_named(trail: Trail, data: st.DataObject) -> None:
    first, second = sorted(
        data.draw(st.lists(st.sampled_from(trail.facts), min_size=2, max_size=2, unique=True))
    )
    lines = [*trail.lines]
    lines[first], lines[second] = lines[second], lines[first]
    moved = {f"fact {trail.lines[at].fact}" for at in (first, second)}
    assert moved & {*places(verified(lines))}
    # With their numbers exchanged, they are in order, and not what the seals are over.
    for at, other in ((first, second), (second, first)):
        number, content = trail.lines[at].fact, fact(trail.lines[other].fact or 0)
        lines[at] = Line(fact_line(number or 0, sha256(content.encode()), content), 0)
    sealed_by = {f"seal {trail.lines[at].seal}" for at in (first, second)}
    assert {*places(verified(lines))} == sealed_by


@settings(deadline=None)
@given(trails(), st.data())
def test_a_cut_tail_is_named(trail: Trail, data: st.DataObject) -> None:
    kept = data.draw(st.integers(1, len(trail.lines) - 1))
    lines = [*trail.lines[:kept]]
    found = places(verified(lines, trail))
    unsealed: list[str] = []
    for line in reversed(lines[1:]):
        if line.fact is None:
            break
        unsealed.insert(0, f"fact {line.fact}")
    assert found[: len(unsealed)] == unsealed
    if any(at and line.fact is None for at, line in enumerate(lines)):
        assert found[-1] == f"seal {len(trail.seals)}"  # which is anchored, and not there
    elif not unsealed:
        assert found == ["the export"]


@settings(deadline=None)
@given(trails(), st.data())
def test_a_seal_that_was_taken_out_with_its_facts_is_named(
    trail: Trail, data: st.DataObject
) -> None:
    assume(len(trail.seals) > 2)
    number = data.draw(st.integers(2, len(trail.seals) - 1))
    lines = [line for line in trail.lines if line.seal != number]
    assert places(verified(lines)) == [f"seal {number}"]


@settings(deadline=None)
@given(trails(), st.data())
def test_a_forged_seal_is_named(trail: Trail, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, len(trail.seals)))
    genuine, at = trail.seals[number - 1].seal, trail.of_seal(number)
    forged = genuine.model_copy(update={"total": genuine.total + 1})
    own = forged.model_copy(update={"key": FORGER.public.id})
    resigned = SignedSeal(seal=forged, signature=trail.seals[number - 1].signature)
    for seal in (resigned, SignedSeal.sign(forged, FORGER), SignedSeal.sign(own, FORGER)):
        lines = [*trail.lines]
        lines[at] = Line(seal.line() + b"\n", number)
        found = verified(lines)
        assert places(found)[0] == f"seal {number}"
        assert found.findings[0].line == at + 1


@settings(deadline=None)
@given(with_facts(), st.data())
def test_a_trail_rewritten_with_the_stolen_key_is_found_by_the_anchor(
    trail: Trail, data: st.DataObject
) -> None:
    number = data.draw(st.sampled_from([trail.lines[at].seal for at in trail.facts]))
    lines, previous = [*trail.lines], trail.seals[number - 1].seal.previous
    for signed in trail.seals[number - 1 :]:
        own = [line for line in trail.lines if line.fact is not None]
        rows = [
            (line.fact or 0, sha256(fact(line.fact or 0, tokens=1).encode()))
            for line in own
            if line.seal == signed.seal.number
        ]
        changes = {"previous": previous, "root": merkle_root(rows)}
        seal = SignedSeal.sign(signed.seal.model_copy(update=changes), KEY)
        at = trail.of_seal(signed.seal.number)
        for place, (fact_number, hashed) in enumerate(rows, start=at - len(rows)):
            content = fact(fact_number, tokens=1)
            lines[place] = Line(fact_line(fact_number, hashed, content), signed.seal.number)
        lines[at] = Line(seal.line() + b"\n", signed.seal.number)
        previous = seal.seal.hash()
    assert verified(lines).holds, "it is signed, and follows"
    assert places(verified(lines, trail))[0] == f"seal {number}"
