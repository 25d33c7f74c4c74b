"""What is refused: words without use, totals that may be of rows, one of several or all."""

from collections.abc import Iterable, Sequence
from typing import Final

from perdure_analysis.language.doubt import CannotTell
from perdure_analysis.language.measure import is_level
from perdure_analysis.language.mentions import Mention
from perdure_analysis.language.names import Table, code_list
from perdure_analysis.language.words import Word
from perdure_analysis.questions.counting import Choice
from perdure_analysis.questions.groups import Groups, Rank
from perdure_analysis.questions.sentence import Placed, Sentence

_ONLY: Final = frozenset({"only", "just", "solely", "exclusively"})
_NOISE: Final = frozenset({"rows", "subject", "stop"})


def refuse_unused(sentence: Sentence, table: Table, has_figures: bool) -> None:
    """Refuse a question in which a word has found no use."""
    for place, mention in enumerate(sentence.mentions):
        if place in sentence.used or mention.kind in _NOISE:
            continue
        if mention.kind == "column":
            if mention.sales and has_figures:
                continue
            keys = [
                table.is_key(name) or table.is_date(name) or name in table.persons()
                for name in mention.columns
            ]
            if has_figures and keys and all(keys) and not mention.exact:
                continue
            if not has_figures or _are_only_the_rows(sentence, table, place):
                continue
            raise CannotTell(
                f"what {code_list(mention.columns)} has to do with it", mention.columns
            )
        raise CannotTell(f"what '{mention.said}' belongs to")


def _are_only_the_rows(sentence: Sentence, table: Table, place: int) -> bool:
    """Say whether a noun only names what the rows are about: ``price of Kitchen products``."""
    mention = sentence.mentions[place]
    before = sentence.before(place)
    kinds = {table.columns[name].kind for name in mention.columns}
    is_described = (
        before is not None
        and before in sentence.used
        and (sentence.kind(before) == "value" or bool(sentence.mentions[before].values))
    )
    return kinds <= {"category", "text", "identifier"} and is_described


def refuse_totals(
    table: Table,
    groups: Groups,
    rank: Rank | None,
    choice: Choice | None,
    conditions: list[Placed],
) -> None:
    """Refuse ``which customers have revenue over 500``: of a row, or in all?"""
    if rank is not None or choice is not None or not groups.wanted:
        return
    for one in conditions:
        for option in one.options:
            repeats = any(
                g.unit is not None
                or table.columns[g.column].distinct < table.columns[g.column].count
                for g in groups.wanted
            )
            if (
                repeats
                and option.comparison in {"above", "least", "below", "most"}
                and table.is_measure(option.column)
                and not is_level(table.columns[option.column])
            ):
                raise CannotTell(
                    f"whether `{option.column}` of single rows or its total is compared",
                    (option.column,),
                )


def refuse_unknown(mentions: Sequence[Mention], table: Table) -> None:
    """Refuse a question in which a word stands for nothing."""
    unknown = [mention.said for mention in mentions if mention.kind == "unknown"]
    if not unknown:
        return
    close = (
        ()
        if len(unknown) > 2
        else tuple(
            name for word in unknown for name in table.close_to(Word(word, word.lower()).plain)
        )
    )
    said = ", ".join(f"'{word}'" for word in unknown)
    if close:
        raise CannotTell(
            f"which column is meant by {said}: perhaps {code_list(dict.fromkeys(close))}", close
        )
    raise CannotTell(f"what is meant by {said}: no column and no value is called so")


def refuse_only(sentence: Sentence, conditions: Sequence[Placed], has_groups: bool) -> None:
    """Refuse ``which products were only sold in West``: what of theirs lies elsewhere counts too.

    Raises:
        CannotTell: The question has such a word.
    """
    said = next((one.said for one in sentence.mentions[1:] if one.said.lower() in _ONLY), "")
    if said and conditions and has_groups:
        raise CannotTell(f"what '{said}' leaves out")


def refuse_all_of(table: Table, conditions: Sequence[Placed], things: Iterable[str]) -> None:
    """Refuse ``which species live on Dream and Biscoe``: on one of them, or on both?

    Args:
        table: The table.
        conditions: The conditions of its rows.
        things: The columns of the things that are listed or counted.

    Raises:
        CannotTell: A thing stands in several rows, which may have one of several values or all.
    """
    for one in conditions:
        for name in things:
            column = table.columns[name]
            several = column.distinct < column.count
            if not one.together or all(option.every for option in one.options):
                continue
            if several and all(each.column != name for each in one.options):
                values = " and ".join(f"'{value}'" for value in one.options[0].values)
                raise CannotTell(
                    f"whether each `{name}` is to have one of {values} or all of them", (name,)
                )
