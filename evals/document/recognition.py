"""How much of the text of scanned pages the ``document`` agent recognises, where it can."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.verdict import Figure, report
from evals.cases import ScanCase, scan_cases
from evals.document import extraction as document
from evals.document.extraction import DocumentScore
from evals.table import share

RECALL: Final = 0.97
PRECISION: Final = 0.97
_DPI: Final = 200
_SEED: Final = 7
_WHITE: Final = 255
_NEEDED: Final = ("rapidocr", "onnxruntime", "PIL", "numpy")


async def evaluate() -> list[DocumentScore]:
    """Recognise every scan; none where what recognises text is not installed."""
    lacking = [name for name in _NEEDED if find_spec(name) is None]
    if lacking:
        report(f"No scans are tried: {', '.join(lacking)} not installed, see perdure-document[ocr]")
        return []
    scores = []
    with TemporaryDirectory() as folder:
        for case in scan_cases():
            report(f"Recognising {case.file}")
            path = scan(case, Path(folder))
            scores.append(document.score(case.document, await document.extract(path)))
    return scores


def scan(case: ScanCase, folder: Path) -> Path:
    """Write the pages of a PDF as pictures into a PDF of the same name, and return its path."""
    import numpy as np
    import pypdfium2
    from PIL import Image

    chance = np.random.default_rng(_SEED)
    pages = []
    with pypdfium2.PdfDocument(case.document.path) as pdf:
        for page in pdf:
            drawn = page.render(scale=_DPI / 72, grayscale=True).to_pil().convert("L")
            turned = drawn.rotate(case.tilt, Image.Resampling.BICUBIC, fillcolor=_WHITE)
            shades = np.asarray(turned, dtype=np.float64)
            shades = _WHITE - (_WHITE - shades) * (1 - case.pale)
            shades += chance.normal(0, case.noise, shades.shape) if case.noise else 0
            pages.append(Image.fromarray(shades.clip(0, _WHITE).astype(np.uint8)))
    path = folder / case.file
    pages[0].save(path, "PDF", resolution=_DPI, save_all=True, append_images=pages[1:])
    return path


def figures(scores: list[DocumentScore]) -> dict[str, Figure]:
    """Return the figures of the scans, of which there are none where none was tried."""
    if not scores:
        return {}
    recall = fmean(one.words.recall for one in scores)
    precision = fmean(one.words.precision for one in scores)
    return {
        "recognition_files": Figure(len(scores), 6, "at least"),
        "recognition_recall": Figure(recall, RECALL, "at least"),
        "recognition_precision": Figure(precision, PRECISION, "at least"),
    }


def rows(scores: list[DocumentScore]) -> list[list[str]]:
    """Return the rows of the table for people, a file each."""
    return [
        [
            one.case.file,
            share(one.words.recall),
            share(one.words.precision),
            share(one.cells.right / one.cells.seen) if one.cells.seen else "",
        ]
        for one in scores
    ]


def failures(scores: list[DocumentScore]) -> Iterator[dict[str, object]]:
    """Yield what each scan lost, gained or misplaced, for those that are not faultless."""
    return document.failures(scores)
