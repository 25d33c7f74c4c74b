"""Which parts of a web page people see, which stand apart, and which it does not say."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from lxml import etree

_NEVER_SEEN: Final = {
    *("script", "style", "template", "head", "datalist", "param", "source", "track", "rp"),
    *("base", "link", "meta", "title", "noframes", "area"),
}
# What has content that no text can carry.
_UNREADABLE: Final = {
    "iframe": "embedded page",
    "frame": "embedded page",
    "object": "embedded object",
    "embed": "embedded object",
    "applet": "embedded object",
    "canvas": "canvas drawing",
    "audio": "sound",
    "video": "film",
}
_HIDDEN_STYLE: Final = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)", re.IGNORECASE
)
_BOX_STYLE: Final = re.compile(
    r"display\s*:\s*(?:block|flow-root|list-item|flex|grid|table)", re.IGNORECASE
)
# Each element in these is a box of its own.
_OF_BOXES_STYLE: Final = re.compile(r"display\s*:\s*(?:flex|grid)", re.IGNORECASE)
_BRACE: Final = re.compile(r"([{}])")
_COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)
_SIMPLE: Final = re.compile(r"(?:\*|[\w-]+)?[.#][\w-]+")
_CONSENT_NAME: Final = re.compile(r"cookie|consent|gdpr", re.IGNORECASE)
_CONSENT_TEXT: Final = re.compile(
    r"\b(?:we|site|website|page|seite|wir|nous|sitio)\b.{0,60}"
    r"\b(?:use|uses|using|verwende\w*|nutz\w*|utilis\w*|utiliza\w*|usa\w*)\b.{0,30}\bcookies\b"
    r"|\bcookies?\b.{0,80}\b(?:accept|agree|consent|akzeptier\w*|zustimm\w*|accepte\w*)",
    re.IGNORECASE | re.DOTALL,
)
_CONSENT_WORD: Final = re.compile(
    r"accept|agree|consent|declin|reject|privacy|preferences|necessary|analytics|akzept|zustimm"
    r"|ablehn|datenschutz|refus|acepta|rechaza",
    re.IGNORECASE,
)
_PARTS_OF_A_LINE: Final = 8
_LONGEST_CONSENT: Final = 1500
_LONGEST_CONSENT_LINE: Final = 400
_BOXES: Final = {"div", "section", "aside", "dialog", "form", "p", "footer"}


class Visibility:
    """Says of a page's elements whether people see them, and counts those that they do not.

    Attributes:
        left_out: How many elements are left out, by what they are.
    """

    def __init__(self, root: etree._Element) -> None:
        self.left_out: Counter[str] = Counter()
        self._hidden_names = set(_styled_names(root, _HIDDEN_STYLE))
        self._box_names = set(_styled_names(root, _BOX_STYLE))
        self._of_boxes_names = set(_styled_names(root, _OF_BOXES_STYLE))
        articles = {"article", "main", "h1"}
        self._has_article = any(_name(one) in articles for one in root.iter(etree.Element))

    def sees(self, element: etree._Element) -> bool:
        """Say whether people see an element; one that is left out is counted."""
        name = _name(element)
        if not name or name in _NEVER_SEEN:
            return False
        if name in _UNREADABLE:
            self.left_out[_UNREADABLE[name]] += 1
            return False
        if name == "noscript":
            self.left_out["noscript text"] += _says_something(element)
            return False
        if self._is_hidden(element, name):
            self.left_out["hidden element"] += _says_something(element)
            return False
        if name in _BOXES and self._asks_consent(element):
            self.left_out["cookie notice"] += 1
            return False
        return True

    def stands_apart(self, element: etree._Element) -> bool:
        """Say whether styles make an element a box of its own, such as a cell of a grid."""
        if _is_styled(element, _BOX_STYLE, self._box_names):
            return True
        above = element.getparent()
        return above is not None and _is_styled(above, _OF_BOXES_STYLE, self._of_boxes_names)

    def _is_hidden(self, element: etree._Element, name: str) -> bool:
        if "hidden" in element.attrib or (name == "dialog" and "open" not in element.attrib):
            return True
        return _is_styled(element, _HIDDEN_STYLE, self._hidden_names)

    def _asks_consent(self, element: etree._Element) -> bool:
        """Say whether an element only asks for consent to cookies."""
        about = " ".join(
            element.get(one, "") for one in ("id", "class", "aria-label", "aria-labelledby")
        )
        named = _CONSENT_NAME.search(about) is not None
        text = _beginning(element, _LONGEST_CONSENT + 1)
        if not named and (len(element) > _PARTS_OF_A_LINE or len(text) > _LONGEST_CONSENT_LINE):
            return False
        if len(text) > _LONGEST_CONSENT or element.find(".//h1") is not None:
            return False
        if named and _CONSENT_NAME.search(text) and _CONSENT_WORD.search(text):
            return True
        return (
            len(text) <= _LONGEST_CONSENT_LINE
            and _CONSENT_TEXT.search(text) is not None
            and self._has_article
            and not any(_name(one) in {"article", "main"} for one in element.iterancestors())
        )


def _is_styled(element: etree._Element, style: "re.Pattern[str]", names: set[str]) -> bool:
    """Say whether an element has a style: by itself, or by its class or identifier."""
    if style.search(element.get("style", "")):
        return True
    if not names:
        return False
    own = [f"#{element.get('id', '')}"]
    own += (f".{one}" for one in element.get("class", "").split())
    name = _name(element)
    return any(one in names or name + one in names for one in own)


def _styled_names(root: etree._Element, style: "re.Pattern[str]") -> Iterator[str]:
    """Yield the classes and identifiers, ``.menu`` or ``div#menu``, to which sheets give a style.

    Rules for some media only, such as printers, do not count.
    """
    for sheet in root.iter("style"):
        if sheet.get("media", "all").lower() not in {"all", "screen", ""}:
            continue
        for selectors, rules in _rules(_COMMENT.sub("", sheet.text or "")):
            if style.search(rules):
                for selector in selectors.split(","):
                    if _SIMPLE.fullmatch(selector.strip()):
                        yield selector.strip().removeprefix("*")


def _rules(sheet: str) -> Iterator[tuple[str, str]]:
    """Yield the selectors and the declarations of a sheet's rules, those in blocks left out."""
    depth, selectors = 0, ""
    pieces = _BRACE.split(sheet)
    for piece, mark in zip(pieces[::2], pieces[1::2], strict=False):
        if mark == "{":
            if not depth:
                selectors = piece.rpartition(";")[2].strip()
            depth += 1
        else:
            if depth == 1 and not selectors.startswith("@"):
                yield selectors, piece
            depth = max(depth - 1, 0)


def _beginning(element: etree._Element, characters: int) -> str:
    """Return an element's text on one line, no more than is needed to see that it is long."""
    pieces: list[str] = []
    for piece in element.itertext():
        pieces.append(str(piece)[: characters + 1])
        characters -= max(len(pieces[-1].strip()), 1)
        if characters < 0:
            break
    return " ".join("".join(pieces).split())


def _says_something(element: etree._Element) -> bool:
    return any(str(text).strip() for text in element.itertext())


def _name(element: etree._Element) -> str:
    return element.tag.lower() if isinstance(element.tag, str) else ""
