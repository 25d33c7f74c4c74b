"""The words that say what to reckon: aggregates, ranks, comparisons, groups, times.

Each phrase is written as the plain words of :mod:`perdure_analysis.language.words`.
"""

from typing import Final, Literal

from perdure_analysis.language.words import plain_words, stems

Role = Literal[
    "aggregate",
    "rank",
    "ordinal",
    "recent",
    "compare",
    "postfix",
    "group",
    "every",
    "unit",
    "adverb",
    "not",
    "missing",
    "share",
    "rate",
    "ratio",
    "growth",
    "versus",
    "correlation",
    "frequency",
    "subject",
    "between",
    "open",
]

_LISTS: Final[dict[tuple[Role, str], str]] = {
    ("aggregate", "mean"): "average|averages|averaged|avg|mean|means|on average|arithmetic mean",
    ("aggregate", "median"): "median|medians|middle value",
    ("aggregate", "sum"): "sum|sums|total|totals|in total|overall|altogether|combined|sum up"
    "|add up to|summed",
    ("aggregate", "much"): "how much",
    ("aggregate", "count"): "how many|number of|numbers of|count|counts|counted|amount of rows",
    ("aggregate", "distinct"): "distinct|different|unique",
    ("aggregate", "minimum"): "min|minimum|minima|minimal",
    ("aggregate", "maximum"): "max|maximum|maxima|maximal",
    ("aggregate", "range"): "range|spread",
    ("aggregate", "deviation"): "standard deviation|std dev|stddev|stdev|std",
    ("aggregate", "variance"): "variance",
    ("rank", "most"): "highest|largest|biggest|greatest|most|top|best|peak|record high",
    ("rank", "least"): "lowest|smallest|least|fewest|bottom|worst|poorest",
    ("rank", "most price"): "most expensive|dearest|priciest|costliest",
    ("rank", "least price"): "cheapest|least expensive",
    ("rank", "most age"): "oldest",
    ("rank", "least age"): "youngest",
    ("rank", "most weight"): "heaviest",
    ("rank", "least weight"): "lightest",
    ("rank", "most height"): "tallest",
    ("rank", "most duration"): "longest",
    ("rank", "least duration"): "shortest",
    ("rank", "most speed"): "fastest",
    ("rank", "least speed"): "slowest",
    ("recent", "maximum"): "latest|newest|most recent|last",
    ("recent", "minimum"): "earliest|first",
    ("compare", "above"): "more than|greater than|higher than|larger than|bigger than|above|over"
    "|exceeding|exceeds|exceed|exceeded|>|older than",
    ("compare", "least"): "at least|no less than|not less than|no fewer than|>=|≥"
    "|greater than or equal to",
    ("compare", "below"): "less than|fewer than|lower than|smaller than|below|under|<|younger than",
    ("compare", "most"): "at most|no more than|not more than|up to|<=|≤|less than or equal to",
    ("compare", "is"): "equal to|equals|=|exactly|equal",
    ("compare", "is not"): "!=|<>|not equal to",
    ("postfix", "least"): "or more|or higher|or above|or over|or greater|and above|and over|and up",
    ("postfix", "most"): "or less|or fewer|or below|or lower|or under|and below|and under",
    ("group", "by"): "by|per|for each|for every|in each|in every|of each|of every|across|grouped by"
    "|broken down by|split by|breakdown by|depending on|group by|according to|within each"
    "|at each|on each|for the different|for different|by each",
    ("every", "each"): "each|every",
    ("unit", "day"): "day|days|calendar day",
    ("unit", "week"): "week|weeks|calendar week",
    ("unit", "month"): "month|months|calendar month",
    ("unit", "quarter"): "quarter|quarters",
    ("unit", "year"): "year|years",
    ("unit", "weekday"): "weekday|weekdays|day of the week|day of week|days of the week",
    ("adverb", "day"): "daily|day by day",
    ("adverb", "week"): "weekly|week by week",
    ("adverb", "month"): "monthly|month by month",
    ("adverb", "quarter"): "quarterly|quarter by quarter",
    ("adverb", "year"): "yearly|annual|annually|year by year",
    ("adverb", "auto"): "over time|through time|over the time",
    ("not", "not"): "not|except|excluding|other than|apart from|isn't|aren't|wasn't|weren't|non"
    "|except for|outside|outside of|didn't|doesn't|don't|never|cannot",
    ("missing", "missing"): "missing|blank|null|without|without a|without any|with no|have no"
    "|has no|had no|unknown|lacking|lack|lacks|lacked|lack a|lacks a|no",
    ("share", "share"): "share|shares|percent|percentage|percentages|proportion|proportions"
    "|fraction|what part|%|portion|how large a part",
    ("rate", "rate"): "rate|rates",
    ("ratio", ""): "ratio|ratios",
    ("growth", ""): "growth|grow|grows|grew|grown|increase|increased|increases|change|changed"
    "|changes|decrease|decreased|decline|declined|rise|rose|risen|drop|dropped|fell|fall|fallen"
    "|shrink|shrank|shrunk|growing",
    ("growth", "year"): "year over year|yoy|year on year",
    ("growth", "quarter"): "quarter over quarter|qoq|quarter on quarter",
    ("growth", "month"): "month over month|mom|month on month",
    ("growth", "week"): "week over week|wow|week on week",
    ("versus", ""): "compare|compared|compares|comparison|versus|vs|differ|difference|differs",
    ("correlation", ""): "correlation|correlations|correlate|correlates|correlated|relationship"
    "|related|association|associated",
    ("frequency", "most"): "most common|most frequent|most often|most frequently|most popular|mode"
    "|most commonly",
    ("frequency", "least"): "least common|least frequent|least often|least frequently|rarest"
    "|least popular",
    ("subject", "which"): "which|what|whose",
    ("subject", "who"): "who|whom",
    ("subject", "when"): "when|on which date|on what date",
    ("subject", "where"): "where",
    ("between", "between"): "between",
}

PHRASES: Final[dict[tuple[str, ...], tuple[Role, str]]] = {
    tuple(phrase.split()): meaning
    for meaning, phrases in _LISTS.items()
    for phrase in phrases.split("|")
}
LONGEST_PHRASE: Final = max(map(len, PHRASES))

STOPS: Final = plain_words(
    "a an the of in on at for to from with and or is are was were be been being do does "
    "did has have had having that this these those there here their its it i me my we our "
    "us you your please can could would should may might shall will tell show shows give "
    "list lists find compute calculate get display say know want need let see look data "
    "dataset table file sheet spreadsheet csv column columns field value values figure "
    "figures all any some whole entire as than then also made make makes came come comes "
    "got during within into out so how what which who he she they them by much many "
    "itself only just exactly about between both respectively measured recorded observed "
    "found seen gave listed made took take takes taken occur occurs occurred happen happened "
    "happens contained contain contains exist exists level information answer question "
    "kindly using based ones one our hello hi thanks thank name names called named done "
    "went go goes ever work works working live lives living bring brings brought "
    "contribute contributed contributes generate generated generates belong belongs "
    "placed received locate located perform performed performs achieve achieved achieves "
    "account accounts reach reached reaches use used uses corresponding given following "
    "respective kind kinds ranked ranking sorted along together against i'd i'm what's "
    "who's it's let's such us"
)
OPEN: Final = plain_words(
    "stand stands interesting unusual develop develops developed trend trends outlier "
    "outliers insight insights profile describe explore analyse analyze summarise "
    "summarize summary overview anomaly anomalies odd strange notable remarkable "
    "happening quality"
)
IMPERATIVES: Final = plain_words(
    "compute calculate give show list find tell count compare rank determine get return"
)
TRUE: Final = frozenset({"true", "yes", "y", "t", "1"})
FALSE: Final = frozenset({"false", "no", "n", "f", "0"})


ROWS: Final = stems("row record entry line observation tuple instance")
# Things of which a row usually is one occurrence; people and goods are not among them.
OCCURRENCES: Final = stems(
    "order sale transaction purchase booking event visit measurement reading sample request ticket"
    " invoice payment trip flight case incident call delivery shipment session review response"
    " appointment reservation"
)
SALES: Final = stems("order sale transaction purchase invoice")
PEOPLE: Final = stems("people person persons individual individuals")
PERSONS: Final = stems(
    "customer client buyer employee person user student player author seller name patient member"
    " driver owner passenger artist director manager teacher worker"
)
PLACES: Final = stems("city country region place location state store town station")
YEAR_NAMES: Final = stems("year yr")
# What an adjective is about, by the words of columns' names.
HINTS: Final = {"price": ("price", "cost"), "duration": ("duration", "length", "time")}
SYNONYMS: Final = tuple(
    stems(group)
    for group in (
        "customer client buyer cust shopper",
        "product item article prod good",
        "quantity qty unit piece",
        "salary wage pay earning earn earned",
        "country nation",
        "city town",
        "employee staff worker emp",
        "gender sex",
        "temperature temp",
        "department dept",
        "amount amt",
        "number num nr",
        "percent pct percentage",
        "category cat",
        "duration length",
        "weight mass",
        "seller vendor supplier",
        "average avg",
        "vehicle car",
        "grade score mark",
        "population inhabitant people",
    )
)
# What people say of money and goods without naming a column, and which columns it may mean.
MONEY_WORDS: Final = stems(
    "sale sales selling revenue turnover takings spending spend spent paid earn earned earning sold"
    " sell bought buy purchase"
    " income"
)
MONEY_NAMES: Final = stems(
    "revenue sale sales turnover amount total income spend spent paid payment"
)
GOODS_WORDS: Final = stems("sold sell selling bought buy purchase sale sales")
GOODS_NAMES: Final = stems("unit quantity qty sold piece")
