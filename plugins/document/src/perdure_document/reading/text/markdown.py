"""Reading Markdown (CommonMark, GitHub's tables, footnotes, definition lists) as blocks."""

import re
from pathlib import Path
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.footnote import footnote_plugin

from perdure_document.facts import Block, BlockType, Document, Picture, Source
from perdure_document.formatting import escaped, flat
from perdure_document.reading.encodings import text_of, unreadable
from perdure_document.reading.text.front_matter import divided
from perdure_document.reading.text.inline_markdown import plain_text
from perdure_document.reading.web.flow import Flow
from perdure_document.reading.web.html import parse
from perdure_document.reading.web.visibility import Visibility
from perdure_document.tables import MOST_ROWS, Cell, grid_of, table_block

_DEEPEST_ITEM: Final = 5
_HARD_BREAK: Final = re.compile(r"(?: {2,}|\\)\n")
_BAR: Final = re.compile(r"(?<!\\)\|")


def read_markdown(source: Source, file: Path) -> Document:
    """Read a Markdown file; its front matter becomes metadata."""
    content = text_of(source, file)
    metadata, text = divided(content)
    reader = _Reader()
    reader.read(text)
    first = next((block.text for block in reader.blocks if block.type == "heading"), "")
    return Document(
        title=metadata.pop("title", "") or first or source.stem,
        kind="markdown",
        metadata=metadata,
        blocks=tuple(reader.blocks),
        left_out=reader.left_out | unreadable(content),
    )


def parser() -> MarkdownIt:
    """Return a parser for what people write as Markdown."""
    # What is nested deeper is dropped by the parser; its own limit of 20 levels is soon reached.
    made = MarkdownIt("commonmark", {"maxNesting": 100}).enable(["table", "strikethrough"])
    return made.use(footnote_plugin, inline=False).use(deflist_plugin)


class _Reader:
    """Makes blocks of the nodes of a parsed file."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.left_out: dict[str, int] = {}
        self._quoted = 0
        self._parser = parser()
        # Definitions of links and footnotes, which lines that are parsed again refer to.
        self._environment: dict[str, Any] = {}

    def read(self, text: str) -> None:
        """Read a file's text."""
        for node in SyntaxTreeNode(self._parser.parse(text, self._environment)).children:
            self._node(node, -1)
        references = self._environment.get("references", {})
        if references:
            # Nothing that readers see, but what links and pictures above refer to.
            lines = (f"[{label.lower()}]: <{one['href']}>" for label, one in references.items())
            self.blocks.append(Block(type="paragraph", markdown="\n".join(lines)))

    def _node(self, node: SyntaxTreeNode, depth: int) -> None:
        """Add a node's blocks; ``depth`` is that of the list it is in, -1 for none."""
        match node.type:
            case "heading" | "paragraph":
                self._paragraph(node)
            case "bullet_list" | "ordered_list" | "dl":
                self._list(node, min(depth + 1, _DEEPEST_ITEM))
            case "blockquote":
                self._quote(node, depth)
            case "fence" | "code_block":
                if node.content.strip():
                    code = node.content.rstrip("\n")
                    self.blocks.append(Block(type="code", text=code))
            case "table":
                self._table(node)
            case "html_block":
                self._html(node.content)
            case "footnote_block":
                for footnote in node.children:
                    self._footnote(footnote)
            case _:
                for child in node.children:
                    self._node(child, depth)

    def _quote(self, node: SyntaxTreeNode, depth: int) -> None:
        self._quoted += 1
        for child in node.children:
            self._node(child, depth)
        self._quoted -= 1

    def _paragraph(self, node: SyntaxTreeNode) -> None:
        """Add a paragraph or a heading; one that holds pictures only as pictures."""
        inline = _inline(node)
        images = [one for one in inline if one.type == "image"]
        text = plain_text(inline)
        if images and all(one.type in {"image", "softbreak"} for one in inline):
            self.blocks += map(_picture, images)
        elif any(one.type == "hardbreak" for one in inline) and node.type == "paragraph":
            self._broken_lines(node)
        elif text:
            kind: BlockType = "quote" if self._quoted else "paragraph"
            level = 0
            if node.type == "heading":
                kind, level = "heading", int(node.tag[1:])
            self.blocks.append(Block(type=kind, text=text, markdown=_source_of(node), level=level))

    def _broken_lines(self, node: SyntaxTreeNode) -> None:
        """Add every line of a paragraph whose writer ended its lines."""
        kind: BlockType = "quote" if self._quoted else "paragraph"
        content = "".join(child.content for child in node.children if child.type == "inline")
        for line in _HARD_BREAK.split(content):
            nodes = SyntaxTreeNode(self._parser.parseInline(line, self._environment)).children
            text = plain_text([inner for one in nodes for inner in one.children])
            if text:
                self.blocks.append(Block(type=kind, text=text, markdown=flat(line)))

    def _list(self, node: SyntaxTreeNode, level: int) -> None:
        for child in node.children:
            if child.type in {"list_item", "dt", "dd"}:
                depth = min(level + (child.type == "dd"), _DEEPEST_ITEM)
                ordered = node.type == "ordered_list"
                number = f"{child.info}{child.markup}" if ordered else ""
                self._item(child, depth, ordered, number)

    def _item(self, node: SyntaxTreeNode, level: int, ordered: bool, number: str) -> None:
        """Add an item: its first paragraphs as one text, then whatever else is in it."""
        children = list(node.children)
        leading: list[SyntaxTreeNode] = []
        if children and children[0].type == "inline":
            # The words of a term stand in no paragraph.
            leading, children = [node], []
        while children and children[0].type == "paragraph":
            leading.append(children.pop(0))
        text = flat(" ".join(plain_text(_inline(one)) for one in leading))
        if text or not children:
            self.blocks.append(
                Block(
                    type="item",
                    text=text,
                    markdown=flat(" ".join(map(_source_of, leading))),
                    level=level,
                    ordered=ordered,
                    number=number,
                )
            )
        for child in children:
            self._node(child, level)

    def _table(self, node: SyntaxTreeNode) -> None:
        rows, lines = [], list[str]()
        for group in node.children:
            for row in group.children:
                rows.append(
                    [
                        Cell(plain_text(_inline(one)), header=group.type == "thead")
                        for one in row.children
                    ]
                )
                lines.append(_line(row))
                if group.type == "thead":
                    lines.append("|" + ":--|" * len(row.children))
        if len(rows) > MOST_ROWS:
            self.left_out["row"] = self.left_out.get("row", 0) + len(rows) - MOST_ROWS
        grid = grid_of(rows)
        if grid.rows:
            block = table_block(grid)
            self.blocks.append(block.model_copy(update={"markdown": "\n".join(lines)}))

    def _html(self, content: str) -> None:
        if not content.strip():
            return
        root = parse(content).root
        if root is None:
            return
        visibility = Visibility(root)
        flow = Flow(visibility)
        self.blocks += flow.read(root)
        self.blocks += flow.running
        for one, count in visibility.left_out.items():
            if count:
                self.left_out[one] = self.left_out.get(one, 0) + count

    def _footnote(self, node: SyntaxTreeNode) -> None:
        label = str(node.meta.get("label") or int(node.meta.get("id", 0)) + 1)
        paragraphs = [one for one in node.children if one.type == "paragraph"]
        others = [one for one in node.children if one.type not in {"paragraph", "footnote_anchor"}]
        text = flat(" ".join(plain_text(_inline(one)) for one in paragraphs))
        if text:
            markdown = flat(" ".join(map(_source_of, paragraphs)))
            self.blocks.append(Block(type="footnote", text=text, markdown=markdown, number=label))
        for other in others:
            self._node(other, -1)


def _inline(node: SyntaxTreeNode) -> list[SyntaxTreeNode]:
    """Return what stands in a paragraph, a heading or a cell."""
    return [inner for child in node.children if child.type == "inline" for inner in child.children]


def _source_of(node: SyntaxTreeNode) -> str:
    """Return the Markdown that a paragraph, a heading or a cell was written in, on one line."""
    return flat(" ".join(child.content for child in node.children if child.type == "inline"))


def _line(row: SyntaxTreeNode) -> str:
    cells = (_BAR.sub(r"\\|", _source_of(cell)) for cell in row.children)
    return f"| {' | '.join(cells)} |"


def _picture(image: SyntaxTreeNode) -> Block:
    text = plain_text(list(image.children)) or flat(image.content)
    reference = str(image.attrs.get("src", ""))
    if not reference or reference.startswith("data:"):
        return Block(type="picture", text=text)
    return Block(
        type="picture",
        text=text,
        markdown=f"![{escaped(text)}](<{reference}>)",
        picture=Picture(reference=reference),
    )
