"""Reading ODS: every sheet as a table, with the texts that its cells show."""

from collections import Counter
from pathlib import Path

from perdure_document.facts import Block, Document, Source
from perdure_document.formatting import flat
from perdure_document.reading.office_archive import reading
from perdure_document.reading.opendocument.flow import Flow
from perdure_document.reading.opendocument.odt import remarks
from perdure_document.reading.opendocument.package import Package, attribute, tag


def read_ods(source: Source, file: Path) -> Document:
    """Read an OpenDocument spreadsheet; hidden sheets and rows are counted and not read.

    Raises:
        InputError: It cannot be read.
    """
    left_out: Counter[str] = Counter()
    blocks: list[Block] = []
    names: list[str] = []
    with reading(file, "ods"), Package(file) as package:
        sheets = package.content.iterfind(f".//{tag('office:spreadsheet')}/{tag('table:table')}")
        for sheet in sheets:
            style = attribute(sheet, "table:style-name")
            shown = package.style_value(style, "style:table-properties", "table:display")
            if shown == "false":
                left_out["hidden sheet"] += 1
                continue
            names.append(flat(attribute(sheet, "table:name")))
            part = len(names)
            blocks.append(Block(type="heading", text=names[-1], level=2, part=part))
            flow = Flow(package, left_out)
            found = list(flow.block(sheet))
            shapes = sheet.find(tag("table:shapes"))
            found += [] if shapes is None else flow.blocks(shapes)
            found += remarks(flow)
            blocks += [block.model_copy(update={"part": part}) for block in found]
        metadata = package.properties()
        return Document(
            title=metadata.pop("title", "") or source.stem,
            kind="ods",
            metadata=metadata,
            blocks=tuple(blocks),
            parts="sheet",
            names=tuple(names),
            left_out={kind: count for kind, count in left_out.items() if count},
        )
