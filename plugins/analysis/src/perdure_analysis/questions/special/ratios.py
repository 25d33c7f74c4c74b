"""Reading ratios: of two columns, or of the rows with one value to those with another."""

from dataclasses import dataclass

from perdure_analysis.language.doubt import CannotTell
from perdure_analysis.language.names import Table, code_list
from perdure_analysis.questions.combinations import Combination
from perdure_analysis.questions.counting import Choice, Wanted
from perdure_analysis.questions.figures import measures_of
from perdure_analysis.questions.queries import Condition, Figure, Grouping, Query
from perdure_analysis.questions.sentence import Sentence

_JOINTS = {"to", "and", "over", "the", "a", "of", "with", "in"}


@dataclass(frozen=True, slots=True)
class Ratio:
    """What is divided by what.

    Attributes:
        choice: The figures that may be meant.
        part: For rows with values: what those above the line meet.
        against: And those below it.
        nouns: None: it is no ratio of groups.
        said: What it is called where it does not go with the rest of a question.
    """

    choice: Choice
    part: tuple[Condition, ...] = ()
    against: tuple[Condition, ...] = ()
    nouns: tuple[Grouping, ...] = ()
    said: str = "the ratio"

    def query(self, one: Combination) -> Query:
        """Return the query for one way of reading the question."""
        if one.wanted is None:
            raise CannotTell("of what to what the ratio is wanted")
        return one.query.model_copy(
            update={
                "form": "ratio",
                "figures": one.wanted.figures,
                "groups": one.each,
                "part": self.part,
                "against": self.against,
            }
        )


def read_ratio(sentence: Sentence, table: Table) -> Ratio | None:
    """Read ``ratio of tip to bill``, ``ratio of male to female``, and use up the mentions.

    Raises:
        CannotTell: It is not certain of what to what.
    """
    places = sentence.free("ratio")
    if not places:
        return None
    first = sentence.free_after(places[0])
    second = None if first is None else sentence.free_after(first)
    if first is None or second is None or sentence.between(first, second) - _JOINTS:
        raise CannotTell("of what to what the ratio is wanted", table.measures())
    sentence.use(places[0], first, second)
    if sentence.kind(first) == sentence.kind(second) == "value":
        return _of_values(sentence, table, first, second)
    return _of_columns(sentence, table, first, second)


def _of_values(sentence: Sentence, table: Table, first: int, second: int) -> Ratio:
    above, below = (dict(sentence.mentions[place].values) for place in (first, second))
    shared = [name for name in above if name in below]
    spellings = [len(sentence.mentions[place].values) for place in (first, second)]
    if len(shared) != 1 or spellings != [1, 1]:
        raise CannotTell("which rows the ratio is of", tuple(dict.fromkeys([*above, *below])))
    (name,) = shared
    part, against = (
        Condition(column=name, comparison="is", values=(values[name],)) for values in (above, below)
    )
    sentence.use(*sentence.free("rows"))
    noun = sentence.free_after(second)
    if noun is not None and sentence.kind(noun) == "column":
        names = sentence.mentions[noun].columns
        if all(table.is_key(one) and table.columns[one].distinct == table.rows for one in names):
            sentence.use(noun)
    return Ratio(Choice((Wanted((Figure(aggregate="count"),)),)), (part,), (against,))


def _of_columns(sentence: Sentence, table: Table, first: int, second: int) -> Ratio:
    names = [measures_of(table, sentence.mentions[place]) for place in (first, second)]
    for options in names:
        if len(options) != 1:
            columns = tuple(options) or table.measures()
            raise CannotTell(f"of which columns the ratio is wanted: {code_list(columns)}", columns)
    (above,), (below,) = names
    totals = Wanted((Figure(aggregate="sum", column=above, other=below),))
    rows = Wanted((Figure(aggregate="mean", column=above, other=below),))
    return Ratio(Choice((totals, rows), "whether totals are divided or single rows"))
