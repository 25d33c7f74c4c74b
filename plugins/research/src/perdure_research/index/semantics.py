"""Passages that mean the same in other words: vectors of a small model, where it is installed.

The extra ``semantic`` brings the model inside the wheel of ``wordllama``. Its files are read as
they lie there: the library's own loader looks for one of them elsewhere, and would download it.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

# Vectors of numpy, which only the extra brings, have no type here.
Vectors = Any

DIMENSIONS: Final = 128
_PACKAGE: Final = "wordllama"
_WEIGHTS: Final = "weights/l2_supercat_256.safetensors"
_TOKENIZER: Final = "tokenizers/l2_supercat_tokenizer_config.json"
_NEEDED: Final = ("numpy", "safetensors", "tokenizers")
_MOST_CHARACTERS: Final = 1500
_BATCH: Final = 256
_SCALE: Final = 127
_LEAST: Final = 0.35  # what is less alike has little to do with each other


def model_name() -> str:
    """Return what the vectors of texts depend on; empty where the extra is not installed."""
    return f"{_PACKAGE} {_WEIGHTS} {DIMENSIONS}" if model_folder() is not None else ""


@cache
def model_folder() -> Path | None:
    """Return the folder of the model's files; ``None`` where the extra is not installed."""
    if any(find_spec(name) is None for name in _NEEDED):
        return None
    spec = find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if all((Path(folder) / name).is_file() for name in (_WEIGHTS, _TOKENIZER)):
            return Path(folder)
    return None


def embed(texts: Sequence[str]) -> Vectors:
    """Return the vectors of texts, a row of signed bytes for each, of length 127.

    Raises:
        FileNotFoundError: The model is not installed.
    """
    import numpy as np

    tokenizer, weights = _model()
    rows = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    for begin in range(0, len(texts), _BATCH):
        batch = [text[:_MOST_CHARACTERS] for text in texts[begin : begin + _BATCH]]
        encoded = tokenizer.encode_batch_fast(batch, add_special_tokens=False)
        for number, one in enumerate(encoded, begin):
            if one.ids:
                rows[number] = weights[one.ids].mean(axis=0, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(lengths == 0, 1, lengths)
    return np.rint(rows * _SCALE).astype(np.int8)


def pack(vectors: Vectors) -> bytes:
    """Return vectors as bytes."""
    return bytes(vectors.tobytes())


def unpack(packed: Iterable[bytes]) -> Vectors:
    """Return packed vectors as the rows of one matrix, each of length 1."""
    import numpy as np

    rows = np.frombuffer(b"".join(packed), dtype=np.int8).reshape(-1, DIMENSIONS)
    return rows.astype(np.float32) / _SCALE


def most_alike(vectors: Vectors, query: Vectors, most: int) -> dict[int, float]:
    """Return the rows that mean most nearly what a query means, and how nearly, from 0 to 1.

    Args:
        vectors: The rows.
        query: The vector of the query, as one row.
        most: How many rows at most.
    """
    alike = vectors @ query[0]
    near = (alike > _LEAST).nonzero()[0]
    best = sorted(near, key=lambda row: (-alike[row], row))[:most]
    return {int(row): float((alike[row] - _LEAST) / (1 - _LEAST)) for row in best}


@cache
def _model() -> tuple[Any, Vectors]:
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    folder = model_folder()
    if folder is None:
        raise FileNotFoundError("the model of perdure-research[semantic] is not installed")
    (weights,) = load_file(folder / _WEIGHTS).values()
    tokenizer = Tokenizer.from_file(str(folder / _TOKENIZER))
    tokenizer.no_padding()
    return tokenizer, weights[:, :DIMENSIONS].copy()
