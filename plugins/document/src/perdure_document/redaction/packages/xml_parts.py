"""Taking text out of the XML of Office documents: texts of split runs, and attributes."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import unquote

from lxml import etree

from perdure_document.redaction.finder import Finder, Pieces, replace
from perdure_document.redaction.packages.vocabulary import built_in_values, is_usual_name

_XML: Final = re.compile(r"\.(xml|rels|vml|svg)$", re.IGNORECASE)
FILL: Final = "█████"
# What is read as one text although its runs stand apart.
_PARAGRAPHS: Final = frozenset({"p", "si", "is", "text"})
_DELETED: Final = frozenset({"del", "moveFrom"})
_INSERTED: Final = frozenset({"ins", "moveTo"})
_BREAKS: Final = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}
_INSTRUCTIONS: Final = frozenset({"instrText", "delInstrText"})
_SPACE: Final = "{http://www.w3.org/XML/1998/namespace}space"
# Attributes that hold what people wrote, by their local name; elsewhere a single word such as
# w:val="center" belongs to the format.
_CONTENT_NAMES: Final = (
    "descr title alt anchor author initials name displayName userId providerId tooltip display "
    "location prompt promptTitle error errorTitle formatCode caption uniqueName v "
    "stringValue connection command sourceFile userName lastEdited linkTarget codeName dsn "
    "text instr hidden uri longDesc href Target macro string helpText statusText"
)
_CONTENT: Final = frozenset(_CONTENT_NAMES.split())
_CONTENT_ELEMENTS_NAMES: Final = (
    "alias tag docVar docPart lid placeholder result listItem default helpText statusText name"
)
_CONTENT_ELEMENTS: Final = frozenset(_CONTENT_ELEMENTS_NAMES.split())
# Namespaces whose attributes are known; what others hold, people may have written.
_OFFICE: Final = (
    "http://schemas.openxmlformats.org/",
    "http://schemas.microsoft.com/",
    "http://purl.oclc.org/ooxml/",
    "http://purl.org/dc/",
    "urn:schemas-microsoft-com:",
)
# When something was written: may be missing, but not be anything else than a time.
_TIMES: Final = frozenset({"date", "dateUtc", "dT"})
_TIME_ELEMENTS: Final = frozenset({"created", "modified", "lastPrinted", "filetime", "date"})


def parse(content: bytes) -> etree._Element:
    """Parse a part of a package; nothing outside it is read, and broken VML is mended.

    Raises:
        etree.XMLSyntaxError: It is no XML.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        huge_tree=True,
        remove_comments=True,
        remove_pis=True,
        strip_cdata=True,
    )
    try:
        return etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        parser = etree.XMLParser(
            recover=True,
            resolve_entities=False,
            no_network=True,
            remove_comments=True,
            remove_pis=True,
        )
        root = etree.fromstring(content, parser)
        if root is None:
            raise
        return root


def write(root: etree._Element) -> bytes:
    """Return a part's bytes, as Office programs expect them."""
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True))


def is_xml(name: str) -> bool:
    """Say by a part's name whether it is XML."""
    return _XML.search(name) is not None


def local(element: etree._Element) -> str:
    """Return an element's name without its namespace; empty for an entity."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def redact_xml(root: etree._Element, finder: Finder) -> Counter[str]:
    """Take what a finder finds out of a part's texts and attributes.

    Text with tracked changes is searched as it stands, as it was, and as it will be.

    Returns:
        How often what was found, by what it is.
    """
    counts: Counter[str] = Counter()
    for element in [one for one in root.iter() if local(one) in _TIME_ELEMENTS]:
        parent = element.getparent()
        if parent is not None and not len(element) and (found := finder.find(element.text or "")):
            parent.remove(element)
            counts.update(one.what for one in found)
    views = [frozenset[str]()]
    if any(local(one) in _DELETED | _INSERTED for one in root.iter()):
        views += [_DELETED, _INSERTED]
    for left_out in views:
        counts.update(_redact_texts(root, finder, left_out))
    for element, name, value in attributes(root):
        if is_content(element, name, value):
            counts.update(_redact_attribute(element, name, value, finder))
        elif etree.QName(name).localname in _TIMES and (found := finder.find(value)):
            del element.attrib[name]
            counts.update(one.what for one in found)
    return counts


def texts_of(root: etree._Element, left_out: frozenset[str] = frozenset()) -> str:
    """Return all text of a part, paragraphs and other texts apart."""
    return _gathered(root, left_out)[0].text


def attributes(root: etree._Element) -> Iterator[tuple[etree._Element, str, str]]:
    """Yield every attribute: its element, its name and its value."""
    for element in root.iter(etree.Element):
        for name, value in list(element.attrib.items()):
            yield element, str(name), str(value)


def is_content(element: etree._Element, name: str, value: str) -> bool:
    """Say whether an attribute holds what people wrote."""
    short = etree.QName(name).localname
    if value.startswith(_OFFICE) or value in built_in_values():
        return False
    if short == "Target" and element.get("TargetMode") != "External":
        return False  # the name of a part, which is changed where the part is
    if not str(etree.QName(element).namespace or "").startswith(_OFFICE):
        return True
    if any(sign.isspace() or sign in "@%&" or not sign.isascii() for sign in value):
        return short not in {"style", "path", "points"}
    return short in _CONTENT or local(element) in _CONTENT_ELEMENTS


def sayings(root: etree._Element) -> Iterator[str]:
    """Yield all that a part says in words: its texts, its attributes, elements with own names.

    What the format itself is written with is left out.
    """
    yield texts_of(root)
    for element in root.iter(etree.Element):
        name = etree.QName(element)
        if not str(name.namespace or "").startswith(_OFFICE):
            yield str(name.localname)
    for element, name, value in attributes(root):
        if is_content(element, name, value) or not _is_own(value):
            yield value


def _is_own(value: str) -> bool:
    return value.startswith(_OFFICE) or value in built_in_values() or is_usual_name(value)


def _redact_texts(root: etree._Element, finder: Finder, left_out: frozenset[str]) -> Iterator[str]:
    pieces, setters = _gathered(root, left_out)
    found = finder.find(pieces.text)
    for number, text in pieces.replaced(found, FILL).items():
        setters[number](text)
    yield from (one.what for one in found)


def _redact_attribute(
    element: etree._Element, name: str, value: str, finder: Finder
) -> Iterator[str]:
    found = finder.find(value)
    if found:
        element.set(name, replace(value, found, FILL))
    elif "%" in value and (found := finder.find(unquote(value))):
        element.set(name, replace(unquote(value), found, FILL))
    if found and element.get("TargetMode") == "External":
        element.set(name, "about:blank")
    yield from (one.what for one in found)


def _nothing(_: str) -> None:
    """Keep what no element holds, such as the break between two paragraphs."""


def _gathered(
    root: etree._Element, left_out: frozenset[str]
) -> tuple[Pieces, list[Callable[[str], None]]]:
    """Return the texts of a part in order, and what writes each of them."""
    pieces, setters = Pieces(), list[Callable[[str], None]]()

    def add(text: str, setter: Callable[[str], None]) -> None:
        pieces.add(text)
        setters.append(setter)

    for paragraph in _texts(root, left_out):
        for text, setter in paragraph:
            add(text, setter)
        add("\n", _nothing)
    return pieces, setters


_Text = tuple[str, Callable[[str], None]]


def _texts(root: etree._Element, left_out: frozenset[str]) -> list[list[_Text]]:
    """Return the texts of paragraphs, and those that stand alone, each as a list of its own."""
    found: list[list[_Text]] = []
    # Elements to enter, and texts behind them; a stack, for documents nest deeply.
    pending: list[tuple[etree._Element, list[_Text] | None, bool]] = [(root, None, False)]
    while pending:
        element, paragraph, is_tail = pending.pop()
        name = local(element)
        if is_tail:
            _add(element, element.tail, "tail", paragraph, found)
            continue
        if name in left_out or _is_cell_value(element, name):
            continue
        inner = paragraph
        if name in _PARAGRAPHS or name in _INSTRUCTIONS:
            inner = []
            found.append(inner)
        elif paragraph is not None and name in _BREAKS:
            paragraph.append((_BREAKS[name], _nothing))
        _add(element, element.text, "text", inner, found)
        for child in reversed(element):
            pending.append((child, inner, True))
            if isinstance(child.tag, str):
                pending.append((child, inner, False))
    return found


def _is_cell_value(element: etree._Element, name: str) -> bool:
    """Say whether this is a number, or the number of a shared text: workbooks need more care."""
    parent = element.getparent()
    return name in {"v", "f"} and parent is not None and local(parent) == "c"


def _add(
    element: etree._Element,
    text: str | None,
    attribute: str,
    paragraph: list[_Text] | None,
    found: list[list[_Text]],
) -> None:
    # Between elements blanks are only lay-out of the XML.
    if not text or (
        text.isspace() and (attribute == "tail" or local(element) not in {"t", "delText"})
    ):
        return

    def setter(new: str) -> None:
        setattr(element, attribute, new)
        if attribute == "text" and local(element) in {"t", "delText"}:
            element.set(_SPACE, "preserve")

    if paragraph is None:
        found.append([(text, setter)])
    else:
        paragraph.append((text, setter))
