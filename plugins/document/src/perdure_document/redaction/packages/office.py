"""Redacting DOCX and XLSX, and making sure that a second search finds nothing."""

import tempfile
import zipfile
from collections import Counter
from pathlib import Path

from lxml import etree

from perdure.agents import InputError
from perdure_document.facts import Source
from perdure_document.redaction.finder import Finder
from perdure_document.redaction.packages.package import PartRedactor, redact_package
from perdure_document.redaction.packages.workbook import WorkbookRedactor
from perdure_document.redaction.packages.xml_parts import parse
from perdure_document.redaction.report import Redaction


def redact_office(source: Source, file: Path, target: Path, finder: Finder) -> Redaction:
    """Write a redacted copy of a Word document or a workbook.

    Raises:
        InputError: It cannot be redacted, or the copy still holds what was to be taken out.
    """
    redaction = redact_package(file, target, finder, _part_redactor(source, file))
    with tempfile.TemporaryDirectory() as folder:
        again = redact_package(
            target, Path(folder) / "again", finder, _part_redactor(source, target)
        )
    if again.counts:
        raise InputError(
            f"after redaction {source.name} still holds what was to be taken out"
            f" ({', '.join(sorted(again.counts))}): save it anew in its program and try again"
        )
    return redaction


def _part_redactor(source: Source, file: Path) -> PartRedactor:
    if source.kind != "xlsx":
        return lambda _root, _finder: Counter()
    parts: dict[str, etree._Element] = {}
    with zipfile.ZipFile(file) as package:
        for name in package.namelist():
            last = name.rpartition("/")[2].casefold()
            if last in {"styles.xml", "sharedstrings.xml"}:
                parts[last] = parse(package.read(name))
    return WorkbookRedactor(parts.get("styles.xml"), parts.get("sharedstrings.xml"))
