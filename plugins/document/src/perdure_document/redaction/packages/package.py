"""Redacting Office documents: every part of the package, not only what is shown."""

import posixpath
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from lxml import etree

from perdure.agents import InputError
from perdure_document.redaction.finder import Finder
from perdure_document.redaction.packages.pictures import BLANK_PNG, without_metadata
from perdure_document.redaction.packages.vocabulary import is_usual_name
from perdure_document.redaction.packages.xml_parts import is_xml, local, parse, redact_xml, write
from perdure_document.redaction.report import Redaction

_RASTER: Final = re.compile(r"\.(png|jpe?g|gif|bmp|tiff?|webp|wdp)$", re.IGNORECASE)
_VECTOR: Final = re.compile(r"\.(emf|wmf)$", re.IGNORECASE)
# Parts that cannot be searched, or that show what the document said before.
_DROPPED: Final = {
    re.compile(r"(^|/)thumbnail\.|/thumbnails?/", re.IGNORECASE): "preview picture",
    re.compile(r"/embeddings/", re.IGNORECASE): "embedded file",
    re.compile(r"/afchunk|\.(mht|mhtml|html?|rtf)$", re.IGNORECASE): "embedded document",
    re.compile(r"/(activeX|ctrlProps)/.*\.bin$", re.IGNORECASE): "control",
    re.compile(r"^_xmlsignatures/", re.IGNORECASE): "digital signature",
    re.compile(r"/printerSettings/", re.IGNORECASE): "",
    re.compile(r"^__MACOSX/|(^|/)\.DS_Store$"): "",
    re.compile(r"/calcChain\.xml$", re.IGNORECASE): "",
}
_MACROS: Final = re.compile(r"/vba(Project|Data)", re.IGNORECASE)
_RELATIONSHIP_ID: Final = re.compile(r"\{.*/relationships\}(id|embed|link|pict|dm|lo|qs|cs)$")
_WHOLE_OBJECTS: Final = frozenset({"OLEObject", "oleObject", "externalData", "altChunk", "control"})
_CLEAN_TIME: Final = (1980, 1, 1, 0, 0, 0)

PartRedactor = Callable[[etree._Element, Finder], Counter[str]]  # noqa: SLF001 -- lxml's only name


def redact_package(
    file: Path, target: Path, finder: Finder, redact_part: PartRedactor
) -> Redaction:
    """Write a copy of an Office document without what a finder finds.

    Args:
        file: The document.
        target: Where the copy goes.
        finder: What is to be taken out.
        redact_part: What a format does with a part before its texts and attributes are searched.

    Raises:
        InputError: It holds macros, or a part of it cannot be read.
    """
    counts: Counter[str] = Counter()
    removed: Counter[str] = Counter()
    unsearched: Counter[str] = Counter()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        names = [entry.filename for entry in old.infolist() if not entry.is_dir()]
        if any(_MACROS.search(name) for name in names):
            raise InputError(
                f"{file} holds macros, in which text cannot be searched: save it without macros"
            )
        dropped = {name: what for name in names if (what := _dropped(name)) is not None}
        removed.update(what for what in dropped.values() if what)
        renamed = _renamed(names, finder)
        for name in names:
            if name in dropped:
                continue
            content = old.read(name)
            if is_xml(name):
                content, found = _redact_xml_part(
                    file, name, content, finder, redact_part, dropped, renamed, old
                )
                counts.update(found)
            elif _RASTER.search(name) or _VECTOR.search(name):
                content = without_metadata(content)
                if _says(content, finder):
                    content, counts["picture"] = BLANK_PNG, counts["picture"] + 1
                elif _RASTER.search(name):
                    unsearched["picture"] += 1
            elif _says(content, finder):
                content, counts["binary part"] = b"", counts["binary part"] + 1
            entry = zipfile.ZipInfo(renamed.get(name, name), _CLEAN_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, content)
    return Redaction(counts=dict(counts), removed=dict(removed), unsearched=dict(unsearched))


def _dropped(name: str) -> str | None:
    """Return what a part is that is left out, perhaps nothing to speak of; ``None`` if kept."""
    return next((what for form, what in _DROPPED.items() if form.search(name)), None)


def _renamed(names: list[str], finder: Finder) -> dict[str, str]:
    """Return new names for parts whose names say what is to be taken out."""
    renamed = {}
    for number, name in enumerate(names, 1):
        folder, last = posixpath.split(name)
        stem, _, suffix = last.rpartition(".")
        if last.endswith(".rels") or is_usual_name(name) or not finder.find(stem, kinds=False):
            continue
        renamed[name] = posixpath.join(folder, f"part{number}.{suffix}")
        relationships = posixpath.join(folder, "_rels", f"{last}.rels")
        if relationships in names:
            renamed[relationships] = posixpath.join(folder, "_rels", f"part{number}.{suffix}.rels")
    return renamed


def _redact_xml_part(
    file: Path,
    name: str,
    content: bytes,
    finder: Finder,
    redact_part: PartRedactor,
    dropped: dict[str, str],
    renamed: dict[str, str],
    package: zipfile.ZipFile,
) -> tuple[bytes, Counter[str]]:
    try:
        root = parse(content)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise InputError(
            f"the part {name} of {file} cannot be read ({error}): open the document in its program"
            " and save it anew"
        ) from error
    if name == "[Content_Types].xml":
        for override in list(root):
            part = (override.get("PartName") or "").lstrip("/")
            if part in dropped:
                root.remove(override)
            elif part in renamed:
                override.set("PartName", f"/{renamed[part]}")
        return write(root), Counter()
    if name.endswith(".rels"):
        _mend_relationships(root, name, dropped, renamed)
        counts = redact_xml(root, finder)
        return write(root), counts
    for identifier in _lost_relationships(name, dropped, package):
        _remove_references(root, identifier)
    counts = redact_part(root, finder)
    counts.update(redact_xml(root, finder))
    return write(root), counts


def _base_of(relationships: str) -> str:
    """Return the folder from which the targets in a part of relationships count."""
    return posixpath.dirname(posixpath.dirname(relationships))


def _target(base: str, relationship: etree._Element) -> str:
    if relationship.get("TargetMode") == "External":
        return ""
    target = relationship.get("Target") or ""
    joined = target if target.startswith("/") else posixpath.join("/", base, target)
    return posixpath.normpath(joined).lstrip("/")


def _mend_relationships(
    root: etree._Element, name: str, dropped: dict[str, str], renamed: dict[str, str]
) -> None:
    for relationship in list(root):
        target = _target(_base_of(name), relationship)
        if target in dropped:
            root.remove(relationship)
        elif target in renamed:
            relationship.set("Target", f"/{renamed[target]}")


def _lost_relationships(
    name: str, dropped: dict[str, str], package: zipfile.ZipFile
) -> Iterator[str]:
    """Yield the ids under which a part refers to parts that are left out."""
    folder, last = posixpath.split(name)
    path = posixpath.join(folder, "_rels", f"{last}.rels")
    if not dropped or path not in package.NameToInfo:
        return
    for relationship in parse(package.read(path)):
        if _target(folder, relationship) in dropped:
            yield relationship.get("Id") or ""


def _remove_references(root: etree._Element, identifier: str) -> None:
    """Remove what refers to a part that is left out: the object, or only the attribute."""
    for element in list(root.iter(etree.Element)):
        for name, value in list(element.attrib.items()):
            if value != identifier or not _RELATIONSHIP_ID.search(str(name)):
                continue
            parent = element.getparent()
            if local(element) in _WHOLE_OBJECTS and parent is not None:
                parent.remove(element)
            else:
                del element.attrib[name]


def _says(content: bytes, finder: Finder) -> bool:
    """Say whether bytes that are no XML hold what is to be taken out, in a usual encoding."""
    for encoding in ("latin-1", "utf-16-le"):
        runs = re.findall(r"[\w@.+' -]{3,}", content.decode(encoding, errors="replace"))
        if finder.find("\n".join(runs), kinds=False):
            return True
    return False
