"""Reading XLSX: every sheet as it is shown, its tables told apart."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from perdure.agents import InputError
from perdure_document.facts import Block, Document, Source
from perdure_document.formatting import counted, flat
from perdure_document.reading.office_archive import reading
from perdure_document.reading.ooxml.package import Package
from perdure_document.reading.workbooks.blocks import SheetBlocks
from perdure_document.reading.workbooks.cells import (
    Place,
    Range,
    Sheet,
    range_of,
    read_sheet,
    reference_of,
)
from perdure_document.reading.workbooks.drawings import Drawing
from perdure_document.reading.workbooks.parts import SheetPart, Workbook, workbook_of
from perdure_document.reading.workbooks.regions import DefinedTable
from perdure_document.reading.workbooks.remarks import remarks_of
from perdure_document.shortening import LONGEST

_NAMED: Final = 5
_MOST_VALUES: Final = 10_000


def read_xlsx(source: Source, file: Path) -> Document:
    """Read a workbook as people see it: figures in their formats, without what is hidden.

    The characters that are kept of a workbook are shared out among its sheets, so that a long one
    takes no room from those after it.

    Raises:
        InputError: It cannot be read.
    """
    with reading(file, "xlsx"), Package(file) as package:
        if package.main.endswith(".bin"):
            raise InputError(f"{file} is a binary workbook (XLSB): save it as XLSX")
        metadata = package.properties()
        contents = _Contents(package, workbook_of(package))
        contents.read()
        return Document(
            title=metadata.pop("title", "") or source.stem,
            kind="xlsx",
            metadata=metadata,
            blocks=tuple(contents.blocks()),
            parts="sheet",
            names=tuple(flat(one.name) for one in contents.parts),
            notes=tuple(contents.notes()),
            left_out={one: count for one, count in contents.left_out.items() if count},
        )


class _Contents:
    """The sheets of a workbook that people see."""

    def __init__(self, package: Package, workbook: Workbook) -> None:
        self._package, self._workbook = package, workbook
        self.parts = [one for one in workbook.sheets if not one.hidden]
        self._hidden = [flat(one.name) for one in workbook.sheets if one.hidden]
        self._sheets: dict[str, Sheet] = {}
        self.left_out: Counter[str] = Counter()

    def read(self) -> None:
        """Read the cells of all sheets."""
        left = LONGEST
        for number, part in enumerate(self.parts):
            if part.type != "worksheet" or not part.part:
                continue
            allowance = left // (len(self.parts) - number)
            with self._package.open(part.part) as stream:
                sheet = read_sheet(stream, self._workbook, allowance)
            left -= sheet.size
            self._sheets[part.name] = sheet
            self.left_out["row"] += sheet.rows_left_out
            self.left_out["hidden row"] += sheet.hidden_row_count
            self.left_out["hidden column"] += sheet.hidden_column_count
            self.left_out["hidden value"] += sheet.unseen
            self.left_out["unsaved formula result"] += len(sheet.unsaved)
            self.left_out["embedded object"] += len(sheet.embedded)
            self.left_out["sparkline"] += sheet.sparklines
            self.left_out["cell picture"] += sheet.pictures
        self.left_out["hidden sheet"] += len(self._hidden)

    def blocks(self) -> Iterator[Block]:
        """Yield what is on the sheets, one after the other."""
        for number, part in enumerate(self.parts, 1):
            yield Block(type="heading", text=flat(part.name), level=2, part=number)
            sheet = self._sheets.get(part.name)
            if sheet is not None:
                if sheet.head:
                    yield Block(type="header", text=sheet.head, part=number)
                cells = SheetBlocks(sheet, self._links(part, sheet), number)
                yield from cells.blocks(self._defined(part))
                self.left_out += cells.left_out
            elif part.type not in {"worksheet", "chartsheet"} or not part.part:
                self.left_out["other sheet"] += 1
            if part.part:
                yield from self._above_cells(part, number)
            if sheet is not None and sheet.foot:
                yield Block(type="footer", text=sheet.foot, part=number)

    def notes(self) -> Iterator[str]:
        """Yield what a reader must know of what is not shown."""
        if self._hidden:
            yield f"{_some('Hidden sheet', self._hidden)} left out."
        unsaved: list[str] = []
        for part in self.parts:
            name, sheet = flat(part.name), self._sheets.get(part.name)
            if sheet is None:
                continue
            unsaved += (f"{name}!{reference_of(place)}" for place in sheet.unsaved)
            hidden = [
                counted(count, one)
                for count, one in (
                    (sheet.hidden_row_count, "row"),
                    (sheet.hidden_column_count, "column"),
                )
                if count
            ]
            if hidden:
                yield f"Sheet {name} hides {' and '.join(hidden)}, which are left out."
            if sheet.rows_left_out:
                yield (
                    f"Sheet {name} is longer than what is kept of it:"
                    f" {counted(sheet.rows_left_out, 'row')} left out at its end."
                )
        if unsaved:
            yield (
                f"{_some('Formula', unsaved)} without a saved value: open the workbook in a"
                " spreadsheet program and save it to have them calculated."
            )

    def values(self, reference: str) -> list[str]:
        """Return what the cells show that a chart refers to, such as ``'A b'!$B$2:$B$7``."""
        found: list[str] = []
        for one in reference.strip("()").split(","):
            name, _, cells = one.rpartition("!")
            sheet = self._sheets.get(name.strip("'").replace("''", "'"))
            where = range_of(cells)
            if sheet is None or where is None:
                continue
            bottom = min(where.bottom, sheet.last_row, where.top + _MOST_VALUES)
            for row in range(where.top, bottom + 1):
                columns = range(where.left, min(where.right, where.left + _MOST_VALUES) + 1)
                found += (sheet.texts.get((row, column), "") for column in columns)
        return found

    def _links(self, part: SheetPart, sheet: Sheet) -> dict[Place, str]:
        relations = self._package.relationships(part.part)
        return {
            place: relations[identifier].target
            for place, identifier in sheet.links.items()
            if identifier in relations
            and relations[identifier].external
            and relations[identifier].target != sheet.texts.get(place)
        }

    def _defined(self, part: SheetPart) -> Iterator[DefinedTable]:
        for name in self._package.related(part.part, "table"):
            root = self._package.xml(name)
            where: Range | None = range_of(root.get("ref", ""))
            header = root.get("headerRowCount", "1")
            if where:
                title = flat(root.get("displayName") or root.get("name") or "")
                yield DefinedTable(title, where, int(header) if header.isdecimal() else 1)

    def _above_cells(self, part: SheetPart, number: int) -> Iterator[Block]:
        drawing = Drawing(self._package, number, self.values)
        for name in self._package.related(part.part, "drawing"):
            yield from drawing.blocks(name)
        for name in self._package.related(part.part, "vmlDrawing"):
            yield from drawing.controls(name)
        yield from remarks_of(self._package, part.part, number)
        self.left_out += drawing.left_out


def _some(one: str, names: list[str]) -> str:
    """Write a noun and the first few names of many."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{one if len(names) == 1 else one + 's'} {', '.join(names[:_NAMED])}{more}"
