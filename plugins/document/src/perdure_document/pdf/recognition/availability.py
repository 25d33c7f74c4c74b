"""Whether text can be recognised here, found out without importing anything heavy."""

from importlib.util import find_spec


def is_available() -> bool:
    """Say whether the libraries of the extra ``ocr`` are installed."""
    return all(find_spec(name) is not None for name in ("rapidocr", "onnxruntime"))
