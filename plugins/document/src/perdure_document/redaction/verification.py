"""Looking in what was written for what was taken out: if it is there, nothing is delivered."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from perdure.agents import InputError
from perdure_document.facts import Document
from perdure_document.redaction.finder import Finder
from perdure_document.redaction.packages.vocabulary import is_usual_name
from perdure_document.redaction.packages.xml_parts import is_xml, parse, sayings

_SHORTEST: Final = 4
_ENCODINGS: Final = ("utf-8", "utf-16-le", "utf-16-be", "latin-1")


def verify_text(document: Document, finder: Finder, name: str) -> None:
    """Look in the text of a document that was written and read again.

    Raises:
        InputError: What was to be taken out is still there.
    """
    # Parsers give the present time where a file says nothing of its own.
    properties = {**document.metadata, "created": "", "modified": ""}
    texts = [document.title, *properties.values()]
    for block in document.blocks:
        texts += [block.text, block.author, *("\n".join(row) for row in block.rows)]
    for text in texts:
        if found := finder.find(text):
            raise _still_there(found[0].what, "the text", name)


def verify_bytes(parts: Iterator[tuple[str, bytes]], matched: set[str], name: str) -> None:
    """Look in bytes, in every usual encoding, for what was found before.

    Args:
        parts: The unpacked parts of the file, by name.
        matched: What was found, as it was written.
        name: The file's name, for the error.

    Raises:
        InputError: It is still there.
    """
    wanted = [text for text in matched if _is_telling(text)]
    if not wanted:
        return
    by_encoding = []
    for encoding in _ENCODINGS:
        written = {re.escape(text.encode(encoding)) for text in wanted if _encodes(text, encoding)}
        if written:
            by_encoding.append(re.compile(b"|".join(sorted(written, reverse=True))))
    for part, content in parts:
        for form in by_encoding:
            for match in form.finditer(content):
                if _stands_alone(content, match.start(), match.end()):
                    raise _still_there("text", f"the part {part}", name)


def parts_of_package(file: Path) -> Iterator[tuple[str, bytes]]:
    """Yield what the parts of a package say, and the archive's own names and comments.

    Of XML it is what stands between the names of the format: whoever redacts "table" means no tag.
    """
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            content = archive.read(entry)
            if is_xml(entry.filename) and entry.filename != "[Content_Types].xml":
                content = "\n".join(sayings(parse(content))).encode()
            yield entry.filename, content if entry.filename != "[Content_Types].xml" else b""
        names = [name for name in archive.namelist() if not is_usual_name(name)]
        yield "the list of parts", "\n".join(names).encode() + archive.comment


def _is_telling(text: str) -> bool:
    """Say whether a text is long enough not to turn up by chance."""
    letters = sum(map(str.isalpha, text))
    return letters >= _SHORTEST or (len(text) >= 2 * _SHORTEST and any(map(str.isalnum, text)))


def _encodes(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _stands_alone(content: bytes, start: int, end: int) -> bool:
    """Say whether bytes are no part of a longer word."""
    before, after = content[start - 1 : start], content[end : end + 1]
    return not (before.isalnum() or after.isalnum())


def _still_there(what: str, where: str, name: str) -> InputError:
    return InputError(
        f"after redaction a {what} that was to be taken out is still in {where} of {name}, so"
        " nothing of that file is delivered: save it anew in its program, or take it out there"
    )
