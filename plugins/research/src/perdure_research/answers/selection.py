"""Choosing from what answers: the answer first, what contradicts it, and what bears it out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from perdure_research.answers.matching.comparing import answers_openly
from perdure_research.answers.matching.match import Match
from perdure_research.answers.questions.question import OPEN_KINDS, Question
from perdure_research.answers.values.agreement import relation, repeats
from perdure_research.parameters import Depth

MOST_QUOTES: Final[dict[Depth, int]] = {"quick": 3, "standard": 6, "comprehensive": 12}
_MOST_SUPPORT: Final[dict[Depth, int]] = {"quick": 1, "standard": 2, "comprehensive": 4}
_MOST_SIDES: Final = 4
_WORTH: Final = 0.55  # of the best one's score
_WORTH_A_SIDE: Final = 0.72  # what is said of something else has fewer of the words
_WORTH_OPENLY: Final = 0.5
_WORTH_SUPPORT: Final = 0.7
_MOST_NEAREST: Final = 3


@dataclass
class Chosen:
    """What was chosen.

    Attributes:
        answers: The answer, best first; several where it takes several sentences.
        sides: What contradicts the first of them, each another answer.
        support: What says the same in other words.
        copies: Of an answer or a side, what says it in the same words elsewhere.
        nearest: Where nothing answers, what comes nearest.
    """

    answers: list[Match] = field(default_factory=list)
    sides: list[Match] = field(default_factory=list)
    support: list[Match] = field(default_factory=list)
    copies: dict[int, list[Match]] = field(default_factory=dict)
    nearest: list[Match] = field(default_factory=list)


def choose(question: Question, matches: Sequence[Match], depth: Depth, *, parts: int = 1) -> Chosen:
    """Choose from the statements that were compared with a question.

    Args:
        question: The question.
        matches: The statements, in the order of their sources.
        depth: How much to quote.
        parts: How many parts the whole question has, which share that.
    """
    # Python's sort keeps the order of equals, so that the same sources give the same answer.
    ranked = sorted(matches, key=lambda one: -one.score)
    answering = _preferred([one for one in ranked if one.is_answer], ranked)
    if question.kind in OPEN_KINDS:
        # Of reasons and ways, more is quoted only where something tells of what is asked.
        widens = bool(answering) or question.kind == "open"
        more = [
            one for one in ranked if widens and not one.is_answer and answers_openly(question, one)
        ]
        most = max(2, math.ceil(MOST_QUOTES[depth] / parts))
        return _several(question, [*answering, *more], most, ranked)
    if not answering:
        return Chosen(nearest=_nearest(question, ranked))
    return _one(question, answering, depth)


def _preferred(answering: list[Match], ranked: list[Match]) -> list[Match]:
    """Leave out longer names, code and lists of changes, where something else answers."""
    exact = [one for one in answering if one.is_exact]
    if exact or any(one.is_exact and one.is_named for one in ranked):
        # What is asked about is there by its own name: the longer ones are others.
        answering = exact
    prose = [
        one
        for one in answering
        if one.statement.shape != "code" and one.statement.source.kind != "code"
    ]
    answering = prose or answering
    lasting = [one for one in answering if not one.statement.is_change]
    best = answering[0] if answering else None
    if lasting and best is not None and not best.statement.is_change:
        return lasting
    return answering


def _one(question: Question, answering: list[Match], depth: Depth) -> Chosen:
    """Choose one fact: its best statement first, then what contradicts it, then what agrees."""
    best = answering[0]
    chosen = Chosen(answers=[best])
    groups: list[list[Match]] = [[best]]
    for one in answering[1:]:
        if one.score < _WORTH * best.score:
            break
        relations = [relation(question, group[0], one) for group in groups]
        if "same" in relations:
            groups[relations.index("same")].append(one)
        elif relations[0] == "contradicts" and len(groups) < _MOST_SIDES:
            if one.score < _WORTH_A_SIDE * best.score:
                continue
            groups.append([one])
        elif relations[0] == "other" and _adds(question, one, best, chosen):
            chosen.support.append(one)
    chosen.sides = [group[0] for group in groups[1:]]
    for group in groups:
        for one in group[1:]:
            if _is_copy(one, group[0]):
                chosen.copies.setdefault(id(group[0]), []).append(one)
            elif group is groups[0] and _supports(question, one, group[0], chosen):
                chosen.support.append(one)
    chosen.support = sorted(chosen.support, key=lambda one: -one.score)[: _MOST_SUPPORT[depth]]
    return chosen


def _adds(question: Question, one: Match, best: Match, chosen: Chosen) -> bool:
    if question.kind not in {"list", "yes-no", "definition", "thing", "place"}:
        return False
    if one.score < 0.8 * best.score:
        return False
    return not any(repeats(question, one, known) for known in (best, *chosen.support))


def _supports(question: Question, one: Match, best: Match, chosen: Chosen) -> bool:
    if one.score < _WORTH_SUPPORT * best.score:
        return False
    if one.statement.source.id == best.statement.source.id:
        return False
    return not any(repeats(question, one, known) for known in (best, *chosen.support))


def _is_copy(one: Match, other: Match) -> bool:
    return (
        one.statement.words == other.statement.words
        and one.statement.source.id != other.statement.source.id
    )


def _several(question: Question, answering: list[Match], most: int, ranked: list[Match]) -> Chosen:
    """Choose the sentences of an answer that takes several, each with something of its own."""
    chosen = Chosen()
    if not answering:
        return Chosen(nearest=_nearest(question, ranked))
    left = list(answering)
    least = _WORTH_OPENLY * max(one.score for one in left)
    taken: dict[str, int] = {}
    told: set[str] = set()
    while left and len(chosen.answers) + len(chosen.sides) < most:
        best = max(left, key=lambda one: _worth(one, taken, told))
        left.remove(best)
        if best.score < least:
            continue
        same = next((k for k in chosen.answers if k.statement.words == best.statement.words), None)
        if same is not None:
            chosen.copies.setdefault(id(same), []).append(best)
            continue
        if any(repeats(question, best, known) or _brings(known, best) for known in chosen.answers):
            continue
        opposed = chosen.answers and relation(question, chosen.answers[0], best) == "contradicts"
        (chosen.sides if opposed else chosen.answers).append(best)
        taken[best.statement.source.id] = taken.get(best.statement.source.id, 0) + 1
        told |= best.found
    return chosen


def _worth(one: Match, taken: dict[str, int], told: set[str]) -> float:
    """Return the score, less where its source was quoted or it tells of no further word."""
    again: float = 0.8 ** taken.get(one.statement.source.id, 0)
    whole = 1.25 if one.is_answer else 1.0
    return one.score * again * whole * (1 if one.found - told else 0.8)


def _brings(known: Match, one: Match) -> bool:
    """Say whether one of two quotations brings the other along as what it leans on."""
    for first, second in ((known, one), (one, known)):
        brought = first.statement.before[: first.context]
        if any(earlier.words == second.statement.words for earlier in brought):
            return True
    return False


def _nearest(question: Question, ranked: list[Match]) -> list[Match]:
    found: list[Match] = []
    for one in ranked:
        if len(found) == _MOST_NEAREST or one.share < 0.3:
            break
        if one.statement.shape == "code" or len(one.found) < min(2, len(question.core)):
            continue
        if not any(repeats(question, one, known) for known in found):
            found.append(one)
    return found
