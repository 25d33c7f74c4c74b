"""Reading correlations, and the first and last of dates."""

from perdure_analysis.language.doubt import CannotTell
from perdure_analysis.language.names import Table, code_list
from perdure_analysis.questions.dates import date_columns
from perdure_analysis.questions.figures import measures_of
from perdure_analysis.questions.queries import Figure
from perdure_analysis.questions.sentence import Sentence


def read_correlation(sentence: Sentence, table: Table) -> tuple[Figure, ...]:
    """Read ``correlation between price and rating``.

    Raises:
        CannotTell: It does not name two columns of numbers.
    """
    places = sentence.free("correlation")
    if not places:
        return ()
    columns = [one for one in sentence.free("column") if measures_of(table, sentence.mentions[one])]
    names = [measures_of(table, sentence.mentions[one]) for one in columns]
    others = [
        name
        for one in sentence.free("column")
        if one not in columns
        for name in sentence.mentions[one].columns
    ]
    if len(names) != 2:
        held = f": {code_list(others, 'and')} hold no numbers to correlate" if others else ""
        raise CannotTell(f"which two columns of numbers are correlated{held}", table.measures())
    for options in names:
        if len(options) > 1:
            raise CannotTell(f"which column is meant: {code_list(options)}", options)
    sentence.use(*places, *columns, *sentence.free("between"), *sentence.free("aggregate"))
    return (Figure(aggregate="correlation", column=names[0][0], other=names[1][0]),)


def read_recent(sentence: Sentence, table: Table) -> tuple[Figure, ...]:
    """Read ``latest order date``, ``when was the first order``.

    Raises:
        CannotTell: It is no date that the first or last is wanted of.
    """
    places = sentence.free("recent")
    if not places:
        return ()
    place = places[0]
    following = sentence.after(place)
    mention = sentence.mentions[following] if following is not None else None
    dates = date_columns(sentence, table) or table.years()
    named = mention is not None and mention.kind == "column" and set(mention.columns) & set(dates)
    rows = mention is not None and (
        mention.kind == "rows"
        or (
            mention.kind == "column"
            and not mention.exact
            and all(table.columns[name].kind in {"identifier", "date"} for name in mention.columns)
        )
    )
    said = sentence.mentions[place].said
    if len(places) > 1 or following is None or not dates or not (named or rows):
        raise CannotTell(f"what '{said}' belongs to: name a column of dates", dates)
    if len(dates) > 1:
        raise CannotTell(f"which column of dates is meant: {code_list(dates)}", dates)
    sentence.use(place, following)
    for subject in sentence.free("subject"):
        if sentence.mentions[subject].meaning in {"when", "which"}:
            sentence.use(subject)
    for one in sentence.free("column"):
        if set(sentence.mentions[one].columns) == set(dates):
            sentence.use(one)
    aggregate = sentence.mentions[place].meaning
    return (Figure(aggregate="minimum" if aggregate == "minimum" else "maximum", column=dates[0]),)
