"""Assembling one report of several documents, a chapter each."""

import asyncio
import base64
import mimetypes
import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from html import unescape
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import unquote

from markdown_it import MarkdownIt
from pydantic import JsonValue

from perdure.agents import Artifact, Result, Run
from perdure_document.action import Action
from perdure_document.assembly.addresses import (
    find_pictures,
    moved,
    outside_fences,
    picture_addresses,
)
from perdure_document.collection import Collection
from perdure_document.conversion.content import read_content
from perdure_document.conversion.conversion import MEDIA_TYPES, writer_of
from perdure_document.facts import Document, Fact, Source
from perdure_document.files import digest_of
from perdure_document.formatting import counted, escaped
from perdure_document.parameters import DocumentParameters, Target
from perdure_document.reading.pictures import content_of
from perdure_document.report.files import store_report
from perdure_document.report.page import place_in_words, write_page
from perdure_document.summary.key_sentences import KeySentences, choose
from perdure_document.writing.markdown_writer import write_markdown
from perdure_document.writing.structure import count

_HEADING: Final = re.compile(r"^(#{1,5})(?= )", re.MULTILINE)
_MOST_PICTURE_BYTES: Final = 20_000_000
_PART: Final = re.compile(r"^<!--.*?-->\n*", re.MULTILINE | re.DOTALL)


class _PictureFile(NamedTuple):
    """Where a picture is: in an archive, under a reference, or in a file of its own."""

    source: Source
    reference: str
    path: str = ""


class Chapter(Fact):
    """A document in the report.

    Attributes:
        path: The file, as it was given.
        title: Its title, and the chapter's.
        kind: What it is.
        digest: The SHA-256 of its bytes, in hexadecimal digits.
        words: How many words it has.
        sentences: Its key sentences, word for word, each with the place where it stands.
        left_out: What could not be carried over, by what it is.
    """

    path: str
    title: str
    kind: str
    digest: str
    words: int
    sentences: tuple[tuple[str, str], ...]
    left_out: dict[str, int]


class Assembly(Action):
    """Delivers ``report.html``, ``report.md``, ``report.json``, if wanted a DOCX or a PDF too."""

    def __init__(self, run: Run, parameters: DocumentParameters) -> None:
        super().__init__(run, parameters)
        self.collection = Collection(run, parameters.files, pictures=True)
        self._chapters: list[Chapter] = []
        self._texts: list[str] = []
        self._pictures: dict[str, _PictureFile] = {}

    async def execute(self) -> None:
        """Read each file, choose its key sentences, and write the report."""
        async for source, document, _ in self.collection.documents(80, 0.8):
            described = self.run.goal.description
            chosen = await self.run.step("choose key sentences", choose, document, described)
            digest = await self.run.step("take the digest", digest_of, source)
            text, left_out = await self._text(source, document)
            self._texts.append(text)
            self._chapters.append(_chapter(source, document, chosen, digest, left_out))
        self.collection.require_any("assemble")
        await self.run.progress(85, f"assembling {counted(len(self._texts), 'chapter')}")
        await self._write()

    def result(self) -> Result:
        """Return what the report is made of."""
        names = ", ".join(f"{one.title}" for one in self._chapters[:5])
        summary = (
            f"Assembled {self._title()!r} of {len(self._chapters):,} of"
            f" {counted(len(self.collection.files), 'file')}: {names}."
        )
        return Result(
            summary=" ".join(filter(None, [summary, self.collection.in_words()])), data=self._data()
        )

    def _title(self) -> str:
        return self.parameters.title or self.run.goal.description or "Report"

    def _data(self) -> dict[str, JsonValue]:
        return {
            "title": self._title(),
            "chapters": [one.model_dump(mode="json") for one in self._chapters],
            "refused": self.collection.refused(),
        }

    async def _text(self, source: Source, document: Document) -> tuple[str, Counter[str]]:
        """Return a document as a chapter whose pictures are artifacts of the report's."""
        here = dict[str, _PictureFile]()
        for block in document.blocks:
            if block.picture is not None and block.picture.name:
                here[block.picture.name] = _PictureFile(source, block.picture.reference)
        text = _chapter_text(_with_addresses(document), len(self._chapters) + 1)
        names: dict[str, str] = {}
        addresses = [one for one in picture_addresses(text) if unquote(one) not in here]
        if addresses and source.kind in {"markdown", "html"}:
            found = await self.run.step("look for pictures", find_pictures, source, addresses)
            for number, (address, path) in enumerate(found.items(), 1):
                name = f"{source.stem}-pictures/{number}{Path(path).suffix.lower()}"
                if name not in self.run.artifacts:  # a retry finds it, even if its file is gone
                    await self.run.artifact(name, Path(path))
                names[address] = name
                here[name] = _PictureFile(source, "", path)
        self._pictures |= here
        return moved(text, names, {name.replace(" ", "%20") for name in here})

    async def _write(self) -> None:
        markdown = self._markdown(self._texts)
        await self.run.artifact("report.md", markdown, media_type="text/markdown")
        await self._stored("write the page", "html", markdown)
        await store_report(self.run, "report", AssembledReport.model_validate(self._data()))
        to = self.parameters.to
        if to is not None:
            await self.run.progress(92, f"writing report.{to}")
            await self._stored("convert", to, markdown)

    async def _stored(self, step: str, to: "Target | Literal['html']", markdown: str) -> None:
        artifact = await self.run.step(step, self._convert, markdown, to)
        # Written within the step, which is not done again in a later execution.
        self.run.artifacts[artifact.name] = artifact

    async def _convert(self, markdown: str, to: "Target | Literal['html']") -> Artifact:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            target = folder / f"report.{to}"
            await asyncio.to_thread(_put_pictures, self._pictures, folder)
            if to == "html":
                page = await asyncio.to_thread(_page, self._title(), markdown, folder)
                return await self.run.artifact(target.name, page, media_type="text/html")
            content = await asyncio.to_thread(read_content, markdown, folder)
            await asyncio.to_thread(writer_of(to), content, target)
            return await self.run.artifact(target.name, target, media_type=MEDIA_TYPES[to])

    def _markdown(self, texts: list[str]) -> str:
        pieces = [f"# {escaped(self._title())}"]
        for number, one in enumerate(self._chapters, 1):
            pieces.append(f"**{number} {escaped(one.title)}**")
            pieces += [
                f"- {escaped(sentence)}" + (f" ({escaped(place)})" if place else "")
                for sentence, place in one.sentences
            ]
        pieces += texts
        pieces.append("## Sources")
        pieces.append(
            "| | File | Kind | Words | SHA-256 |\n|--|--|--|--:|--|\n"
            + "\n".join(
                f"| {number} | {_cell(Path(one.path).name)} | {one.kind} | {one.words:,} |"
                f" {one.digest[:16]}… |"
                for number, one in enumerate(self._chapters, 1)
            )
        )
        pieces += [
            f"- Not in the report: {escaped(note)}" for note in self.collection.refusal_notes()
        ]
        return "\n\n".join(pieces) + "\n"


class AssembledReport(Fact):
    """What ``report.json`` holds."""

    title: str
    chapters: tuple[Chapter, ...]
    refused: tuple[dict[str, str], ...]


def _put_pictures(pictures: Mapping[str, _PictureFile], folder: Path) -> None:
    """Write pictures into a folder under their names; those that are gone are not."""
    for name, picture in pictures.items():
        with suppress(OSError, KeyError, zipfile.BadZipFile):
            content = (
                Path(picture.path).read_bytes()
                if picture.path
                else content_of(picture.source, picture.reference)
            )
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)


def _with_addresses(document: Document) -> Document:
    """Return a document whose pictures without a name are shown by their addresses."""
    return document.model_copy(
        update={
            "blocks": tuple(
                block.model_copy(
                    update={"markdown": f"![{escaped(block.text)}](<{block.picture.reference}>)"}
                )
                if block.picture is not None
                and not (block.picture.name or block.markdown)
                and document.kind == "html"
                else block
                for block in document.blocks
            )
        }
    )


def _chapter(
    source: Source,
    document: Document,
    chosen: KeySentences,
    digest: str,
    left_out: Counter[str],
) -> Chapter:
    return Chapter(
        path=source.path,
        title=document.title,
        kind=document.kind,
        digest=digest,
        words=count(document).words,
        sentences=tuple((one.text, place_in_words(one.place)) for one in chosen.sentences),
        left_out=dict(Counter(document.left_out) + left_out),
    )


def _chapter_text(document: Document, number: int) -> str:
    """Return a document as a chapter: numbered, its headings one level lower."""
    markdown = _PART.sub("", write_markdown(document)).strip()
    lowered = outside_fences(markdown, lambda text: _HEADING.sub(r"#\1", text))
    return re.sub(r"\A## ", f"## {number} ", lowered)


def _cell(text: str) -> str:
    return escaped(text).replace("|", "\\|")


def _page(title: str, markdown: str, folder: Path) -> str:
    """Return the report as a web page, with its pictures in it."""
    renderer = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    body = renderer.render(markdown.partition("\n\n")[2])
    room = _MOST_PICTURE_BYTES

    def shown(match: re.Match[str]) -> str:
        nonlocal room
        file = (folder / unquote(unescape(match[1]))).resolve()
        inside = file.is_relative_to(folder.resolve())
        if not inside or not file.is_file() or file.stat().st_size > room:
            return f"[{match[2]}]"
        room -= file.stat().st_size
        kind = mimetypes.guess_type(file.name)[0] or "image/png"
        content = base64.b64encode(file.read_bytes()).decode("ascii")
        return f'<img src="data:{kind};base64,{content}" alt="{match[2]}">'

    page = re.sub(r'<img src="(?!data:)([^"]*)" alt="([^"]*)"[^>]*>', shown, body)
    return write_page(title, page, "img { max-width: 100%; }")
