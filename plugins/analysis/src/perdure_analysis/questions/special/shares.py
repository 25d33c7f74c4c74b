"""Reading shares: of which part, of which whole, of rows or of a total."""

from typing import Final

from perdure_analysis.language.doubt import CannotTell
from perdure_analysis.language.measure import is_level
from perdure_analysis.language.names import Table, code_list
from perdure_analysis.language.words import plain_words
from perdure_analysis.questions.counting import Choice, Wanted
from perdure_analysis.questions.figures import measures_of, read_figures
from perdure_analysis.questions.groups import Groups
from perdure_analysis.questions.queries import Figure, Grouping
from perdure_analysis.questions.sentence import Placed, Sentence

_VERBS: Final = plain_words("are is were was that which have has had who")
_PREPOSITIONS: Final = plain_words("from with in by come comes came")


def read_share(
    sentence: Sentence, table: Table, place: int, conditions: list[Placed], groups: Groups
) -> tuple[list[Placed], list[Placed], Choice]:
    """Tell the conditions of the whole from those of the part, and what is added up.

    Raises:
        CannotTell: It is not certain of what the share is wanted.
    """
    measures = [
        one for one in sentence.free("column") if measures_of(table, sentence.mentions[one])
    ]
    if sentence.free("aggregate") and not measures:
        sentence.use(*sentence.free("aggregate"))
    in_time = [one for one in conditions if one.options[0].comparison == "within"]
    others = [one for one in conditions if one.options[0].comparison != "within"]
    split = _split(sentence, place)
    whole = [one for one in others if one.place < place]
    after = sorted((one for one in others if one.place > place), key=lambda one: one.place)
    if split is not None and any(one.place > split for one in after):
        whole += [one for one in after if one.place < split]
        after = [one for one in after if one.place > split]
    if not after and whole:
        # "Return rate", "what is West's share": the part stands before the word.
        whole, after = [], whole
    if len(after) > 1:
        named = ", ".join(f"'{sentence.mentions[one.place].said}'" for one in after)
        raise CannotTell(f"which of {named} is the part and which the whole")
    if not after:
        categories = [
            one
            for one in sentence.free("column")
            if one not in measures and not sentence.mentions[one].sales
        ]
        if not groups.each and len(categories) == 1:
            names = sentence.mentions[categories[0]].columns
            kept = tuple(
                name for name in names if table.columns[name].kind in {"category", "boolean"}
            )
            if kept:
                sentence.use(categories[0])
                groups.each.append(tuple(Grouping(column=name) for name in kept))
        if not groups.each and not groups.wanted:
            raise CannotTell("which part the share is wanted of: name a value or a column")
    choice: Choice | None = None
    if measures or sentence.free("aggregate"):
        choice = read_figures(sentence, table, None, groups)
        if choice is not None:
            choice = Choice(
                tuple(_only_sums(table, one) for one in choice.options),
                choice.doubt,
                choice.candidates,
            )
    choice = choice or _share_of_sales(sentence)
    options = tuple(
        Wanted(
            (Figure(aggregate="share", column=one.figures[0].column),),
            one.assumption,
        )
        for one in choice.options
    )
    sentence.use(*sentence.free("rows"))
    return whole + in_time, after, Choice(options, choice.doubt, choice.candidates)


def _share_of_sales(sentence: Sentence) -> Choice:
    """Read ``share of sales``: of the columns that sales may mean, else of the rows."""
    sales = [one for one in sentence.free("column") if sentence.mentions[one].sales]
    names = tuple(dict.fromkeys(n for one in sales for n in sentence.mentions[one].columns))
    sentence.use(*sales)
    rows = Wanted((Figure(aggregate="count"),))
    if not names or sentence.has("rows"):
        return Choice((rows,))
    options = tuple(
        Wanted((Figure(aggregate="sum", column=name),), f"of the total of `{name}`")
        for name in names
    )
    return Choice(options, f"which column is meant: {code_list(names)}", names)


def _only_sums(table: Table, wanted: Wanted) -> Wanted:
    figure = wanted.figures[0]
    if figure.aggregate in {"count", "distinct"}:
        return Wanted((Figure(aggregate="count"),), wanted.assumption)
    if is_level(table.columns[figure.column]):
        raise CannotTell(
            f"of what the share is wanted: `{figure.column}` is nothing to add up", (figure.column,)
        )
    return Wanted((Figure(aggregate="sum", column=figure.column),), wanted.assumption)


def _split(sentence: Sentence, place: int) -> int | None:
    """Return where the words for the whole end: at a verb, else at a preposition after a noun."""
    for marks in (_VERBS, _PREPOSITIONS):
        for number, mention in enumerate(sentence.mentions[place + 1 :], start=place + 1):
            if mention.kind in {"stop", "subject"} and mention.said.lower() in marks:
                return number
    return None
