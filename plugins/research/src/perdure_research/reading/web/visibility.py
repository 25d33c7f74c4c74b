"""Which parts of a web page are no part of what it says: menus, banners, what nobody sees."""

import re
from typing import Any, Final

# Elements of lxml have no types of their own.
Element = Any

_NEVER_TEXT: Final = (
    *("script", "style", "template", "noscript", "svg", "canvas", "iframe", "frame", "object"),
    *("embed", "audio", "video", "button", "select", "option", "input", "textarea", "datalist"),
    *("link", "meta", "base", "map", "dialog", "rp"),
)
# What may be a menu by its name; a comment within code is no part of a page by itself.
_BOXES: Final = frozenset(
    {
        *("div", "section", "aside", "nav", "header", "footer", "ul", "ol", "p", "form", "table"),
        *("details", "dl", "center", "figure"),
    }
)
_ASIDES: Final = ("nav", "footer", "header", "aside", "menu")
_ROLES: Final = frozenset(
    {
        *("navigation", "banner", "contentinfo", "search", "menu", "menubar", "toolbar"),
        *("dialog", "alertdialog", "complementary", "tablist"),
    }
)
_NAMES: Final = re.compile(
    r"(?:^|[\s_-])(?:nav|navbar|navigation|menu|sidebar|side-bar|footer|breadcrumbs?|cookies?|"
    r"consent|gdpr|banner|social|share|sharing|related|recommended|newsletter|subscribe|advert|"
    r"ads?|promo|sponsor(?:ed)?|popup|modal|skip|skip-link|pagination|pager|toc|tags|comments?|"
    r"disqus|masthead|toolbar|editsection|headerlink|noprint|sr-only|visually-hidden)(?:$|[\s_-])",
    re.IGNORECASE,
)
_HIDDEN: Final = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)", re.IGNORECASE
)
_MAIN: Final = "//main|//*[@role='main']|//article|//*[@itemprop='articleBody']"
_MAIN_SHARE: Final = 0.4
_ASIDE_SHARE: Final = 0.3
_LINKED_SHARE: Final = 0.4
_LINKED_LIST_SHARE: Final = 0.75
_SHORT: Final = 300
_TITLES: Final = ("h1", "h2", "h3")


def remove_unseen(body: Element) -> None:
    """Remove from a page's body what nobody sees, and what is no text."""
    for element in list(body.iter(*_NEVER_TEXT)):
        _drop(element)
    for element in list(body.iter()):
        if not isinstance(element.tag, str) or (element is not body and _is_hidden(element)):
            _drop(element)


def main_part(body: Element) -> Element:
    """Return the part of a body that the page is about, with its menus and banners removed.

    What holds a large share of the page's text is never taken for a menu, whatever it is called.
    """
    whole = _length(body) or 1
    for element in list(body.iter()):
        if element is body or element.getparent() is None:
            continue
        if _is_aside(element, whole):
            _drop(element)
    whole = _length(body) or 1
    candidates = [part for part in body.xpath(_MAIN) if part is not body]
    best = max(candidates, key=_length, default=None)
    if best is not None and _length(best) >= _MAIN_SHARE * whole and _alone(best, candidates):
        return best
    return body


def _alone(best: Element, candidates: list[Element]) -> bool:
    """Say whether a page has one main part, not a row of articles side by side."""
    beside = [
        one
        for one in candidates
        if one is not best and best not in one.iterancestors() and one not in best.iterancestors()
    ]
    return sum(map(_length, beside)) < 0.3 * _length(best)


def _is_hidden(element: Element) -> bool:
    get = element.get
    return (
        get("hidden") is not None
        or get("aria-hidden") == "true"
        or _HIDDEN.search(get("style") or "") is not None
    )


def _is_aside(element: Element, whole: int) -> bool:
    tag = element.tag
    named = f"{element.get('class') or ''} {element.get('id') or ''}"
    by_name = tag in _BOXES and len(named) > 1 and _NAMES.search(named) is not None
    role = element.get("role") in _ROLES
    if not (by_name or role or tag in _ASIDES):
        return False
    length = _length(element)
    if length > _ASIDE_SHARE * whole:
        return False
    if tag == "header" and any(element.find(f".//{one}") is not None for one in _TITLES):
        return False
    if tag in {"nav", "footer", "menu"} or role:
        return True
    return _linked(element, length) >= _LINKED_SHARE or (
        length <= _SHORT and (by_name or tag == "header")
    )


def is_list_of_links(element: Element) -> bool:
    """Say whether a list is a menu: hardly anything but links, and no sentences."""
    length = _length(element)
    links = len(element.findall(".//a"))
    text = "".join(element.itertext())
    return (
        links > 2
        and _linked(element, length) >= _LINKED_LIST_SHARE
        and length / links < 40
        and ". " not in text
    )


def _linked(element: Element, length: int) -> float:
    """Return which share of an element's text is that of links."""
    return sum(map(_length, element.iter("a"))) / length if length else 0


def _length(element: Element) -> int:
    return sum(len(text.strip()) for text in element.itertext())


def _drop(element: Element) -> None:
    """Remove an element, but not the text behind it."""
    parent = element.getparent()
    if parent is None:
        return
    if element.tail:
        before = element.getprevious()
        if before is None:
            parent.text = (parent.text or "") + element.tail
        else:
            before.tail = (before.tail or "") + element.tail
    parent.remove(element)
