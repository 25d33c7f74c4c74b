"""What the bundled agents do with large files: seconds and memory, beside other people's tools.

The analysis agent profiles 5 million rows of CSV, report and pictures included; pandas reads the
same file and counts, averages and describes the same columns. The document agent extracts a PDF of
500 pages, each with a table, and a workbook of 100 sheets; markitdown converts the same files. The
research agent answers from 2,000 documents: the first question reads and indexes them, the second
finds them indexed, and before the third one of them is changed. The code agent reviews a repository
of 100,000 lines. Each runs in a process of its own, and the peak of memory is that of the process
and its children.
"""

import asyncio
import json
import math
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from pydantic import JsonValue

from benchmarks.large_corpus import DOCUMENTS, write_corpus
from benchmarks.large_files import PAGES, ROWS, SHEETS, Table, write_csv, write_pdf, write_workbook
from benchmarks.large_repository import write_repository
from benchmarks.peak_memory import PeakMemory
from benchmarks.verdict import Figure, print_verdict, report

ANALYSIS_SECONDS: Final = 60.0
DOCUMENT_SECONDS: Final = 30.0
INDEX_SECONDS: Final = 60.0
QUESTION_SECONDS: Final = 2.0
CODE_SECONDS: Final = 60.0
MEGABYTES: Final = 2_000.0


@dataclass(frozen=True)
class Outcome:
    """What one tool came to.

    Attributes:
        seconds: From the start of the process to its end.
        megabytes: The peak of the memory of the process and its children together.
        found: What it printed.
    """

    seconds: float
    megabytes: float
    found: Any

    @property
    def described(self) -> dict[str, object]:
        """The figures for the details."""
        return {"seconds": round(self.seconds, 1), "memory_mb": round(self.megabytes)}


def analysis(file: Path) -> dict[str, tuple[int, float]]:
    """Profile the table with the analysis agent; of each column of numbers the count and mean."""
    from perdure.testing import rehearse

    done = asyncio.run(rehearse("analysis", "Profile the orders", {"path": str(file)}))
    columns = json.loads(done.files["profile.json"])["columns"]["columns"]
    return {
        column["name"]: (column["count"], column["numbers"]["mean"])
        for column in columns
        if column["numbers"] is not None
    }


def pandas(file: Path) -> dict[str, tuple[int, float]]:
    """Read the table with pandas, and describe each column."""
    table = import_module("pandas").read_csv(file, parse_dates=["day"])
    numbers = table.select_dtypes("number")
    table.describe(include="all")
    for name in ("region", "product"):
        table.groupby(name)["quantity"].agg(["count", "sum"])
    return {name: (int(numbers[name].count()), float(numbers[name].mean())) for name in numbers}


def document(file: Path) -> dict[str, object]:
    """Extract the file with the document agent; its tables and its Markdown."""
    from perdure.testing import rehearse

    done = asyncio.run(rehearse("document", "Extract the tables", {"path": str(file)}))
    content = json.loads(done.files[f"{file.stem}.json"])
    tables = [[table["header"], *table["rows"]] for table in content["tables"]]
    return {"tables": tables, "text": done.files[f"{file.stem}.md"].decode()}


def research(folder: Path) -> dict[str, object]:
    """Answer the questions that lie beside a folder of documents; seconds and summary of each."""
    from perdure.testing import rehearse

    seconds, summaries = [], []
    for question in json.loads(_questions(folder).read_text()):
        began = time.monotonic()
        done = asyncio.run(rehearse("research", question, {"sources": [str(folder)]}))
        seconds.append(time.monotonic() - began)
        summaries.append(done.result.summary)
        if len(seconds) == 2:
            with next(iter(sorted(folder.iterdir()))).open("a") as file:
                file.write("\n\nThis was added.\n")
    return {"seconds": seconds, "summaries": summaries}


def _questions(folder: Path) -> Path:
    return folder.with_suffix(".json")


def markitdown(file: Path) -> dict[str, object]:
    """Convert the file with markitdown; its Markdown."""
    converter = import_module("markitdown").MarkItDown()
    return {"text": converter.convert(str(file)).text_content}


def code(folder: Path) -> dict[str, object]:
    """Review the repository with the code agent, without running tests; what the review counts."""
    from perdure.testing import rehearse

    parameters: dict[str, JsonValue] = {"path": str(folder), "tests": False}
    done = asyncio.run(rehearse("code", "Review this", parameters))
    data = done.result.data
    return {name: data[name] for name in ("repository", "fixes")} | {
        "patch": len(done.files.get("fixes.patch", b""))
    }


TOOLS: Final[dict[str, Callable[[Path], object]]] = {
    "analysis": analysis,
    "pandas": pandas,
    "document": document,
    "research": research,
    "markitdown": markitdown,
    "code": code,
}


def run_tool(name: str, file: Path) -> Outcome:
    """Run a tool in a process of its own."""
    began = time.monotonic()
    command = (sys.executable, "-m", "benchmarks.agents", name, str(file))
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        memory = PeakMemory(process.pid)
        assert process.stdout is not None
        printed = process.stdout.read()
        status = process.wait()
    seconds = time.monotonic() - began
    if status:
        raise RuntimeError(f"{name} ended with status {status}")
    return Outcome(seconds, memory.stop() / 1e6, json.loads(printed))


def equal(ours: Outcome, theirs: Outcome) -> bool:
    """Say whether both found the same values in every column of numbers that both describe."""
    return bool(ours.found) and all(
        count == theirs.found[name][0] and math.isclose(mean, theirs.found[name][1], rel_tol=1e-9)
        for name, (count, mean) in ours.found.items()
    )


def exact_tables(outcome: Outcome, tables: list[Table]) -> float:
    """Return the share of tables that were found cell by cell, in their order."""
    found: list[Table] = outcome.found["tables"]
    return sum(ours == right for ours, right in zip(found, tables, strict=False)) / len(tables)


def words_found(outcome: Outcome, tables: list[Table]) -> float:
    """Return the share of the words in the tables' cells that the Markdown has."""
    right = _words(cell for table in tables for row in table for cell in row)
    return (right & _words([outcome.found["text"]])).total() / right.total()


def _words(texts: Iterable[str]) -> Counter[str]:
    return Counter(word for text in texts for word in re.findall(r"[\w.,-]*\w", text))


def measure_analysis(folder: Path) -> tuple[dict[str, Figure], dict[str, object]]:
    """Profile the table, and compare with pandas where it is installed."""
    file = folder / "orders.csv"
    write_csv(file)
    report(f"{ROWS:,} rows, {file.stat().st_size / 1e6:,.0f} MB")
    ours = run_tool("analysis", file)
    report(f"analysis: {ours.described}")
    figures = {
        "analysis_seconds": Figure(ours.seconds, ANALYSIS_SECONDS, "at most"),
        "analysis_memory_mb": Figure(ours.megabytes, MEGABYTES, "at most"),
    }
    details: dict[str, object] = {"rows": ROWS, "file_mb": round(file.stat().st_size / 1e6)}
    if find_spec("pandas") is None:
        report("pandas is not installed: pip install pandas to compare with it")
    else:
        theirs = run_tool("pandas", file)
        report(f"pandas: {theirs.described}")
        details["pandas"] = theirs.described
        figures["analysis_equals_pandas"] = Figure(equal(ours, theirs), 1, "at least")
    return figures, details


def measure_document(
    kind: str, file: Path, tables: list[Table]
) -> tuple[dict[str, Figure], dict[str, object]]:
    """Extract a document, and convert it with markitdown where it is installed."""
    report(f"{file.name}: {len(tables):,} tables, {file.stat().st_size / 1e6:.1f} MB")
    ours = run_tool("document", file)
    report(f"document: {ours.described}")
    figures = {
        f"{kind}_seconds": Figure(ours.seconds, DOCUMENT_SECONDS, "at most"),
        f"{kind}_memory_mb": Figure(ours.megabytes, MEGABYTES, "at most"),
        f"{kind}_tables_exact": Figure(exact_tables(ours, tables), 1, "at least"),
        f"{kind}_words_found": Figure(words_found(ours, tables), 1, "at least"),
    }
    details: dict[str, object] = {"file_mb": round(file.stat().st_size / 1e6, 1)}
    if find_spec("markitdown") is None:
        report("markitdown is not installed: pip install 'markitdown[pdf,xlsx]' to compare with it")
    else:
        theirs = run_tool("markitdown", file)
        report(f"markitdown: {theirs.described}")
        found = round(words_found(theirs, tables), 4)
        details["markitdown"] = theirs.described | {"words_found": found}
    return figures, details


def measure_research(folder: Path) -> tuple[dict[str, Figure], dict[str, object]]:
    """Index documents, and ask questions about them."""
    folder.mkdir()
    questions = write_corpus(folder)
    _questions(folder).write_text(json.dumps(list(questions)))
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    report(f"{DOCUMENTS:,} documents, {size:.1f} MB")
    ours = run_tool("research", folder)
    report(f"research: {ours.described}")
    first, second, changed, *others = ours.found["seconds"]
    right = sum(
        figure in summary
        for figure, summary in zip(questions.values(), ours.found["summaries"], strict=True)
    )
    figures = {
        "research_index_seconds": Figure(first, INDEX_SECONDS, "at most"),
        "research_question_seconds": Figure(max(second, *others), QUESTION_SECONDS, "at most"),
        "research_memory_mb": Figure(ours.megabytes, MEGABYTES, "at most"),
        "research_answers_right": Figure(right / len(questions), 1, "at least"),
    }
    details: dict[str, object] = {"documents": DOCUMENTS, "corpus_mb": round(size, 1)}
    return figures, details | {"changed_file_seconds": round(changed, 2)}


def measure_code(folder: Path) -> tuple[dict[str, Figure], dict[str, object]]:
    """Review a large repository."""
    lines = write_repository(folder)
    report(f"{lines:,} lines of Python")
    ours = run_tool("code", folder)
    report(f"code: {ours.described}")
    figures = {
        "code_seconds": Figure(ours.seconds, CODE_SECONDS, "at most"),
        "code_memory_mb": Figure(ours.megabytes, MEGABYTES, "at most"),
        "code_lines_read": Figure(ours.found["repository"]["lines"], lines, "at least"),
    }
    files = ours.found["repository"]["files"]
    return figures, {"lines": lines, "files": files, "patch_bytes": ours.found["patch"]}


def main() -> bool:
    """Run every tool on the same files; whether every target is reached."""
    with TemporaryDirectory(prefix="perdure-benchmark-") as name:
        folder = Path(name)
        pdf, book = folder / "stores.pdf", folder / "stores.xlsx"
        figures, details = measure_analysis(folder)
        for kind, file, tables, size in (
            ("pdf", pdf, write_pdf(pdf), {"pages": PAGES}),
            ("workbook", book, write_workbook(book), {"sheets": SHEETS}),
        ):
            measured, more = measure_document(kind, file, tables)
            figures |= measured
            details[kind] = size | more
        measured, details["research"] = measure_research(folder / "documents")
        figures |= measured
        measured, details["code"] = measure_code(folder / "repository")
        figures |= measured
    return print_verdict(figures, details)


if __name__ == "__main__":
    print(json.dumps(TOOLS[sys.argv[1]](Path(sys.argv[2]))))
