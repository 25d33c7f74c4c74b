"""The pictures in a document that is an archive: they become artifacts of their own."""

import asyncio
import zipfile
from pathlib import Path, PurePosixPath
from typing import Final

from perdure.agents import Run
from perdure_document.facts import Block, Document, Picture, Source
from perdure_document.files import unchanged

_ARCHIVES: Final = frozenset({"docx", "pptx", "xlsx", "odt", "odp", "ods", "epub"})
_MOST: Final = 500
_LARGEST: Final = 50_000_000


async def store_pictures(run: Run, source: Source, document: Document) -> Document:
    """Make artifacts of a document's pictures, each once, and name these in the document.

    Pictures that are too large, beyond the first 500, or missing in the file are counted as left
    out.
    """
    references = [block.picture.reference for block in document.blocks if block.picture]
    if source.kind not in _ARCHIVES or source.encoding or not references:
        return document
    names = await run.step("name pictures", name_pictures, source, list(dict.fromkeys(references)))
    blocks = tuple(_named(block, names) for block in document.blocks)
    stored: dict[str, Picture] = {
        block.picture.name: block.picture for block in blocks if block.picture
    }
    for name, picture in stored.items():
        # One that was stored before a failure is there, even if the file no longer is.
        if name and name not in run.artifacts:
            content = await asyncio.to_thread(content_of, source, picture.reference)
            await run.artifact(name, content, media_type=picture.media_type or None)
    missing = sum(reference not in names for reference in references)
    left_out = {"picture without an artifact": missing} if missing else {}
    return document.model_copy(
        update={"blocks": blocks, "left_out": {**document.left_out, **left_out}}
    )


def name_pictures(source: Source, references: list[str]) -> dict[str, str]:
    """Return the names of the artifacts that pictures become, in the order of the references.

    Args:
        source: The file.
        references: What the pictures are called in it.

    Raises:
        InputError: The file changed since it was recognised.
    """
    with zipfile.ZipFile(unchanged(source)) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    found = [one for one in references if sizes.get(one, _LARGEST + 1) <= _LARGEST]
    return {
        reference: f"{source.stem}-pictures/{number}{PurePosixPath(reference).suffix.lower()}"
        for number, reference in enumerate(found[:_MOST], 1)
    }


def _named(block: Block, names: dict[str, str]) -> Block:
    if block.picture is None:
        return block
    name = names.get(block.picture.reference, "")
    return block.model_copy(update={"picture": block.picture.model_copy(update={"name": name})})


def content_of(source: Source, reference: str) -> bytes:
    """Return a picture's bytes.

    Raises:
        OSError: The file is gone.
        KeyError: It holds no such picture.
    """
    with zipfile.ZipFile(Path(source.path)) as archive:
        return archive.read(reference)
