"""Writing redacted copies of files that are no PDFs, and looking in them for what was taken out."""

from pathlib import Path

from perdure.agents import InputError
from perdure_document.facts import Document, Source
from perdure_document.files import unchanged
from perdure_document.reading.readers import read_whole
from perdure_document.reading.source import look_at
from perdure_document.redaction.finder import Finder, Terms
from perdure_document.redaction.report import MEDIA_TYPES, Redaction
from perdure_document.redaction.verification import parts_of_package, verify_bytes, verify_text


def redact_file(source: Source, target: Path, terms: Terms) -> Redaction:
    """Write a redacted copy of a file that is no PDF, and look for the text in it.

    Args:
        source: The file.
        target: Where the copy goes.
        terms: What is to be taken out.

    Raises:
        InputError: Files of its kind cannot be redacted, it cannot be read, or what was to be taken
            out is still in the copy.
    """
    file = unchanged(source)
    if source.kind not in MEDIA_TYPES:
        raise InputError(
            f"{file} is {source.kind.upper()}, which cannot be redacted safely: save it as PDF,"
            " DOCX, XLSX or text, and redact that"
        )
    finder = Finder(terms)
    if source.kind in {"docx", "xlsx"}:
        from perdure_document.redaction.packages.office import redact_office

        redaction = redact_office(source, file, target, finder)
        parts = parts_of_package(target)
    else:
        from perdure_document.redaction.text import redact_text

        redaction = redact_text(source, file, target, finder)
        parts = iter([("text", target.read_bytes())])
    matched = set(finder.matched)
    verify_text(_read_again(target), finder, source.name)
    verify_bytes(parts, matched, source.name)
    return redaction


def _read_again(target: Path) -> Document:
    """Read what was written with the parsers that documents are read with."""
    try:
        return read_whole(look_at(str(target)))
    except InputError as error:
        if "holds no text" in str(error):
            return Document(title="", kind="text")
        raise
