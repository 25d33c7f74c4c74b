"""Where around a statement the names of a question stand, and whether as longer ones."""

from perdure_research.answers.language.tokens import tokens_of
from perdure_research.answers.matching.names import is_extended, places_of, set_aside, subject_names
from perdure_research.answers.matching.scopes import (
    EARLIER,
    HERE,
    NOWHERE,
    SUBJECT,
    UNDER,
    Scopes,
    stems_in,
)
from perdure_research.answers.questions.question import Question


def names_in_scopes(
    question: Question, scopes: Scopes, places: dict[str, int]
) -> tuple[list[tuple[str, ...]], bool, bool]:
    """Return which names are nowhere, and whether those that are there are what was asked for.

    The places of the words of a name are set to where all of it is.
    """
    missing, exact = [], True
    for name, written in zip(question.names, question.exact_names, strict=True):
        place, is_long = NOWHERE, False
        for scope in range(len(scopes.texts)):
            longer = _longer(question, name, written, scopes, scope)
            if longer:
                is_long, place = all(longer), scope
                # The nearest text decides; but a sentence may call what its heading names longer.
                if not is_long or scope != HERE:
                    break
        if place == HERE and any(_longer(question, name, written, scopes, HERE)):
            # "The Little Orla runs to the Orla", below the heading "Little Orla"
            above = _longer(question, name, written, scopes, UNDER)
            is_long = is_long or (bool(above) and all(above))
        if is_long and place == UNDER:
            # "Stillmoor National Park" calls itself Stillmoor, too.
            itself = _longer(question, name, written, scopes, SUBJECT)
            is_long = not itself or all(itself)
        if place == NOWHERE and len(name) == 1 and name[0].isdigit():
            # A year may be there as the one before another.
            place = next((places[t.text] for t in question.terms if t.key == name[0]), NOWHERE)
        if place == NOWHERE and is_spoken_of(question, name, written, scopes):
            place = EARLIER
        if place == NOWHERE:
            missing.append(name)
        exact = exact and not is_long
        for term in question.terms:
            if term.is_name and term.key in name:
                places[term.text] = place
    return missing, exact, not exact


def is_spoken_of(
    question: Question, name: tuple[str, ...], written: tuple[str, ...], scopes: Scopes
) -> bool:
    """Say whether an earlier paragraph names something, and no sentence since begins otherwise.

    Where a name is asked for, one that is only mentioned may be of anybody.
    """
    statement = scopes.statement
    for one in (statement, *statement.before, *statement.earlier):
        text, names = set_aside(one.words), subject_names(one.tokens, one.words, frozenset())
        tokens = tokens_of(text)
        at = places_of(name, written, tokens, scopes.language)
        if at:
            # "The boat replaces the Orm": what is told then is told of the boat.
            others = question.kind == "person" or bool(names)
            if others and not set(name) <= set(names):
                return False
            return not any(
                is_extended(place, len(name), tokens, text, frozenset(name)) for place in at
            )
        if names:
            return False
    return False


def _longer(
    question: Question,
    name: tuple[str, ...],
    written: tuple[str, ...],
    scopes: Scopes,
    scope: int,
) -> list[bool]:
    """Return of each place where a name is in a text whether it is part of a longer one there."""
    tokens, text = scopes.tokens[scope], scopes.texts[scope]
    at = places_of(name, written, tokens, question.language)
    if not at:
        return [False] if _in_cell(name, written, scopes, scope) else []
    asked = frozenset(question.keys)
    return [is_extended(one, len(name), tokens, text, asked) for one in at]


def _in_cell(name: tuple[str, ...], written: tuple[str, ...], scopes: Scopes, scope: int) -> bool:
    """Say whether a row has a letter or number in a cell, and its noun among the columns."""
    statement = scopes.statement
    if scope != HERE or len(name) != 2 or statement.shape not in {"row", "record", "item"}:
        return False
    cells = statement.cells if statement.shape == "row" else (statement.text.split(":")[0].strip(),)
    wanted = written[1] or name[1]
    if wanted not in cells and wanted.lower() not in [
        cell.lower() for cell in cells if not written[1]
    ]:
        return False
    around = stems_in(scopes.texts[UNDER], scopes.language) | stems_in(
        scopes.texts[SUBJECT], scopes.language
    )
    return not stems_in(name[0], scopes.language).isdisjoint(around)
