"""A statement that was compared with a question."""

from dataclasses import dataclass

from perdure_research.answers.statements import Statement


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """A statement, and how it answers.

    Attributes:
        statement: The statement.
        score: How well it answers, at best about 1.
        found: The words of the question that it holds, or that stand around it.
        missing: Those that an answer needs and that it has not.
        is_answer: Whether it has all that an answer needs.
        is_exact: Whether the names in it are those of the question, and no longer ones.
        is_named: Whether all names of the question are in it or around it.
        context: How many of the sentences before it are needed to understand it.
        here: How many words of the question stand in itself.
        share: How much of the question it and what is around it hold, from 0 to 1.
    """

    statement: Statement
    score: float
    found: frozenset[str] = frozenset()
    missing: tuple[str, ...] = ()
    is_answer: bool = False
    is_exact: bool = True
    is_named: bool = False
    context: int = 0
    share: float = 0.0
    here: int = 0
