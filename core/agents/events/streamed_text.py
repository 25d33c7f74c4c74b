"""A text that comes in pieces, cut anywhere, on its way to its readers."""

from typing import Final

from perdure.models.texts import join_surrogates
from perdure.redaction import known_secrets, secret_beginning, without_secrets

_FIRST_HALVES: Final = ("\ud800", "\udbff")


class StreamedText:
    """Passes on the pieces of one text, in whole characters and without secrets.

    Half a character, and what may be the beginning of a secret, waits for the next piece.
    """

    def __init__(self) -> None:
        self._withheld = ""
        self._secrets = known_secrets()

    def add(self, piece: str) -> str:
        """Return what readers get after another piece; empty when that has to wait."""
        text = self._withheld + piece
        is_halved = _FIRST_HALVES[0] <= text[-1:] <= _FIRST_HALVES[1]
        half = text[-1:] if is_halved else ""
        text = without_secrets(join_surrogates(text[: len(text) - len(half)]), self._secrets)
        end = len(text) - secret_beginning(text, self._secrets)
        self._withheld = text[end:] + half
        return text[:end]

    def rest(self) -> str:
        """Return what still waits, as the text has ended."""
        withheld, self._withheld = self._withheld, ""
        return join_surrogates(withheld)
