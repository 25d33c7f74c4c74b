"""What a person sees on slides is in the extract, and nothing that is not shown."""

from pathlib import Path
from typing import Any

from lxml import etree
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.oxml import parse_xml
from pptx.presentation import Presentation as Slides
from pptx.util import Inches

from perdure_document.facts import Document
from perdure_document.reading.ooxml.diagrams import diagram_texts
from perdure_document.reading.readers import read_whole
from perdure_document.reading.source import look_at

DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
DIAGRAM = "http://schemas.openxmlformats.org/drawingml/2006/diagram"
PLACE = (Inches(1), Inches(2), Inches(4), Inches(1))
BLANK, TITLE_ONLY, TITLE_AND_CONTENT = 6, 5, 1


def read(slides: Slides, folder: Path) -> Document:
    file = folder / "a.pptx"
    slides.save(str(file))
    return read_whole(look_at(str(file)))


def test_shapes_in_groups_and_what_stands_beside_them_come_in_reading_order(tmp_path: Path) -> None:
    slides = Presentation()
    slide = slides.slides.add_slide(slides.slide_layouts[BLANK])
    slide.shapes.add_textbox(Inches(5), Inches(3), Inches(2), Inches(1)).text_frame.text = "right"
    outer = slide.shapes.add_group_shape()
    inner = outer.shapes.add_group_shape()
    inner.shapes.add_textbox(Inches(1), Inches(3), Inches(2), Inches(1)).text_frame.text = "left"
    slide.shapes.add_textbox(Inches(1), Inches(1), Inches(2), Inches(1)).text_frame.text = "top"
    found = read(slides, tmp_path).blocks
    assert [block.text for block in found] == ["top", "left", "right"]
    assert found[0].box is not None
    assert (found[0].box.left, found[0].box.top) == (72, 72)


def test_prompts_of_empty_placeholders_and_hidden_things_are_not_shown(tmp_path: Path) -> None:
    slides = Presentation()
    slide = slides.slides.add_slide(slides.slide_layouts[TITLE_AND_CONTENT])
    slide.shapes.title.text = "Costs"
    hidden = slide.shapes.add_textbox(*PLACE)
    hidden.text_frame.text = "unseen"
    hidden._element.nvSpPr.cNvPr.set("hidden", "1")
    other = slides.slides.add_slide(slides.slide_layouts[TITLE_AND_CONTENT])
    other.shapes.title.text = "Left out"
    other._element.set("show", "0")
    found = read(slides, tmp_path)
    assert [block.text for block in found.blocks] == ["Costs"]
    assert found.left_out == {"hidden shape": 1, "hidden slide": 1}


def test_items_have_the_numbers_that_are_shown(tmp_path: Path) -> None:
    slides = Presentation()
    slide = slides.slides.add_slide(slides.slide_layouts[TITLE_AND_CONTENT])
    frame = slide.placeholders[1].text_frame
    for place, (text, level, kind) in enumerate(
        (
            ("Plan", 0, "alphaUcPeriod"),
            ("Draw", 1, "arabicParenR"),
            ("Dig", 1, "arabicParenR"),
            ("Build", 0, "alphaUcPeriod"),
            ("No number", 0, None),
        )
    ):
        paragraph = frame.paragraphs[0] if not place else frame.add_paragraph()
        paragraph.text, paragraph.level = text, level
        if kind:
            mark = parse_xml(f'<a:buAutoNum xmlns:a="{DRAWING}" type="{kind}"/>')
            paragraph._p.get_or_add_pPr().append(mark)
    found = read(slides, tmp_path).blocks
    assert [(block.type, block.numbered_text, block.level) for block in found] == [
        ("item", "A. Plan", 0),
        ("item", "1) Draw", 1),
        ("item", "2) Dig", 1),
        ("item", "B. Build", 0),
        ("item", "No number", 0),
    ]


def test_merged_cells_charts_and_notes(tmp_path: Path) -> None:
    slides = Presentation()
    slide = slides.slides.add_slide(slides.slide_layouts[TITLE_ONLY])
    table = slide.shapes.add_table(3, 3, *PLACE).table
    for row, texts in enumerate((("Year", "", ""), ("North", "Q1", "10"), ("", "Q2", "20"))):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text
    table.cell(0, 0).merge(table.cell(0, 2))
    table.cell(1, 0).merge(table.cell(2, 0))
    chart_data: Any = CategoryChartData  # has no types
    data = chart_data(number_format="0.0%")
    data.categories = ["Rain", "Snow"]
    data.add_series("Share", (0.125, 0.5))
    frame = slide.shapes.add_chart(
        XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(1), Inches(5), Inches(4), Inches(2), data
    )
    frame.chart.has_title = True
    frame.chart.chart_title.text_frame.text = "What fell"
    slide.notes_slide.notes_text_frame.text = "Speak slowly."
    table_block, chart, note = read(slides, tmp_path).blocks
    assert table_block.rows == (("Year", "", ""), ("North", "Q1", "10"), ("North", "Q2", "20"))
    assert {(one.row, one.column, one.rows, one.columns) for one in table_block.spans} == {
        (0, 0, 1, 3),
        (1, 0, 2, 1),
    }
    assert (chart.type, chart.text) == ("chart", "What fell")
    assert chart.rows == (("", "Share"), ("Rain", "12.5%"), ("Snow", "50.0%"))
    assert (note.type, note.text, note.part) == ("note", "Speak slowly.", 1)


def test_a_diagram_is_read_in_the_order_of_its_outline() -> None:
    def point(name: str, text: str, kind: str = "node", prompt: str = "0") -> str:
        return (
            f'<dgm:pt modelId="{name}" type="{kind}"><dgm:prSet phldr="{prompt}"/><dgm:t>'
            f"<a:p><a:r><a:t>{text}</a:t></a:r></a:p></dgm:t></dgm:pt>"
        )

    points = [point("0", "", "doc"), point("1", "Sow"), point("2", "Reap"), point("3", "Spring")]
    points += [point("4", "[Text]", prompt="1"), point("5", "x", "pres")]
    links = [("0", "2", 1), ("0", "1", 0), ("1", "3", 0), ("0", "4", 2)]
    written = "".join(
        f'<dgm:cxn srcId="{source}" destId="{target}" srcOrd="{order}"/>'
        for source, target, order in links
    )
    root = etree.fromstring(
        f'<dgm:dataModel xmlns:dgm="{DIAGRAM}" xmlns:a="{DRAWING}"><dgm:ptLst>{"".join(points)}'
        f"</dgm:ptLst><dgm:cxnLst>{written}</dgm:cxnLst></dgm:dataModel>"
    )
    assert diagram_texts(root) == [(0, "Sow"), (1, "Spring"), (0, "Reap")]
