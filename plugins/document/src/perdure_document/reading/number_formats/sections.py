"""Format codes taken apart: sections, conditions, tokens (ECMA-376, 18.8.31)."""

import operator
import re
from functools import lru_cache
from typing import Final, Literal, NamedTuple, cast

TokenType = Literal[
    "literal",
    "digit",
    "point",
    "comma",
    "percent",
    "slash",
    "exponent",
    "date",
    "elapsed",
    "fraction",
    "halves",
    "text",
    "general",
]


class Token(NamedTuple):
    """A piece of a section.

    ``digit`` is one of ``0#?``, ``date`` a run of one letter such as ``yyyy``, ``elapsed`` hours,
    minutes or seconds that run on, ``fraction`` the decimals of seconds, ``halves`` the marks of
    the halves of a day such as ``AM/PM``.
    """

    type: TokenType
    text: str


class Condition(NamedTuple):
    """Which values a section is for: an operator and the number it compares with."""

    operator: str
    limit: float

    def holds(self, value: float) -> bool:
        """Say whether the section is for a value."""
        return bool(_COMPARISONS[self.operator](value, self.limit))


_COMPARISONS: Final = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "<>": operator.ne,
}


class Section(NamedTuple):
    """One of the up to four parts of a format code.

    Attributes:
        tokens: What it shows.
        condition: Which values it is for, where it says so itself.
        color: The colour that it asks for; empty for none.
        language: The Windows number of the language for names of months and days; 0 for none.
        calendar: The Windows number of the calendar; 0 for the usual one.
        is_date: Whether it shows a date or a time.
        is_text: Whether it shows text.
    """

    tokens: tuple[Token, ...]
    condition: Condition | None = None
    color: str = ""
    language: int = 0
    calendar: int = 0
    is_date: bool = False
    is_text: bool = False


_PIECE: Final = re.compile(
    r"""
    "(?P<quoted>[^"]*)"? | \\(?P<escaped>.) | [_*](?P<blank>.)
    | \[(?P<bracket>[^\]]*)\]
    | (?P<general>General)
    | (?P<halves>AM/PM|A/P|上午/下午|午前/午後|오전/오후)
    | (?P<exponent>E[+-])
    | (?P<calendar>B[12](?=[dmy]))
    | (?P<date>y+|m+|d+|h+|s+|e+|g+|b+|a{3,})
    | (?P<text>@) | (?P<digit>[0#?]) | (?P<point>\.) | (?P<comma>,) | (?P<percent>%)
    | (?P<slash>/) | (?P<other>.)
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_CONDITION: Final = re.compile(r"(<=|>=|<>|<|>|=)\s*([+-]?[\d.]+(?:E[+-]?\d+)?)", re.IGNORECASE)
_COLOR: Final = re.compile(
    r"black|blue|cyan|green|magenta|red|white|yellow|colou?r\s*\d+", re.IGNORECASE
)
_ELAPSED: Final = re.compile(r"h+|m+|s+", re.IGNORECASE)
_LOCALE: Final = re.compile(r"\$([^-]*)(?:-([0-9A-F]+|[\w-]+))?", re.IGNORECASE)
# The system's long date and long time, as in the United States.
_SYSTEM: Final = {
    "F800": "dddd, mmmm d, yyyy",
    "X-SYSDATE": "dddd, mmmm d, yyyy",
    "F400": "h:mm:ss AM/PM",
    "X-SYSTIME": "h:mm:ss AM/PM",
}
_CALENDAR_LETTERS: Final = frozenset("ymdhsab")
_ERA_LETTERS: Final = frozenset("ge")
_MOST_CHARACTERS: Final = 1000


@lru_cache(maxsize=4096)
def sections_of(code: str) -> tuple[Section, ...]:
    """Take a format code apart into its sections."""
    return tuple(_section(part) for part in _parts(code[:_MOST_CHARACTERS]))


def _parts(code: str) -> list[str]:
    """Divide a code at its semicolons, but for those that are quoted."""
    parts, start = list[str](), 0
    for piece in _PIECE.finditer(code):
        if piece["other"] == ";":
            parts.append(code[start : piece.start()])
            start = piece.end()
    return [*parts, code[start:]]


def _section(code: str) -> Section:
    tokens: list[Token] = []
    condition: Condition | None = None
    color, language, calendar = "", 0, 0
    for piece in _PIECE.finditer(code):
        bracket = piece["bracket"]
        if bracket is None:
            tokens += _tokens(piece)
        elif found := _CONDITION.fullmatch(bracket.strip()):
            condition = Condition(found[1], float(found[2]))
        elif _COLOR.fullmatch(bracket.strip()):
            color = bracket.strip().casefold()
        elif _ELAPSED.fullmatch(bracket):
            tokens.append(Token("elapsed", bracket.lower()))
        elif found := _LOCALE.fullmatch(bracket):
            if system := _SYSTEM.get((found[2] or "").upper()):
                return _section(system)._replace(condition=condition, color=color)
            tokens.append(Token("literal", found[1]))
            language, calendar = _language(found[2] or "")
    return _typed(Section(tuple(tokens), condition, color, language, calendar))


def _tokens(piece: re.Match[str]) -> list[Token]:
    kind = piece.lastgroup or "other"
    text = piece[kind]
    match kind:
        case "quoted" | "escaped" | "other":
            return [Token("literal", text)] if text else []
        case "blank":
            # An underscore leaves a gap as wide as a character; an asterisk fills the cell.
            return [Token("literal", " ")] if piece[0].startswith("_") else []
        case "calendar":
            return []
        case "exponent":
            return [Token("exponent", text[-1])]
        case _:
            return [Token(cast(TokenType, kind), text)]


def _language(code: str) -> tuple[int, int]:
    """Return language and calendar of ``411``, ``107041E`` or ``ja-JP``, as Windows numbers."""
    try:
        number = int(code, 16)
    except ValueError:
        from perdure_document.reading.number_formats.languages import number_of

        return number_of(code), 0
    return number & 0xFFFF, number >> 16 & 0xFF


def _typed(section: Section) -> Section:
    """Say what a section shows, and make plain text of what means nothing there."""
    tokens = _seconds_joined(section.tokens)
    types = {token.type for token in tokens}
    letters = {token.text[0].lower() for token in tokens if token.type == "date"}
    dated = "elapsed" in types or letters & _CALENDAR_LETTERS or letters >= _ERA_LETTERS
    if dated and "digit" not in types and "text" not in types:
        kept = {"date", "elapsed", "fraction", "halves"}
        lower = tuple(
            token._replace(text=token.text.lower()) if token.type == "date" else token
            for token in tokens
        )
        return section._replace(tokens=_literal_but(lower, kept), is_date=True)
    if "text" in types:
        return section._replace(tokens=_literal_but(section.tokens, {"text"}), is_text=True)
    dates: set[str] = {"date", "elapsed", "halves"}
    return section._replace(
        tokens=tuple(
            Token("literal", token.text) if token.type in dates else token
            for token in section.tokens
        )
    )


def _literal_but(tokens: tuple[Token, ...], kept: set[str]) -> tuple[Token, ...]:
    return tuple(token if token.type in kept else Token("literal", token.text) for token in tokens)


def _seconds_joined(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    """Make one token of the point and the zeros after seconds."""
    joined: list[Token] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        place += 1
        last = joined[-1] if joined else Token("literal", "")
        if token.type == "point" and last.type in {"date", "elapsed"} and last.text[0] in "sS":
            zeros = 0
            while place + zeros < len(tokens) and tokens[place + zeros] == ("digit", "0"):
                zeros += 1
            place += zeros
            token = Token("fraction", "0" * zeros) if zeros else token
        joined.append(token)
    return tuple(joined)
