"""The error for what cannot be told from a question's words."""


class CannotTell(Exception):
    """It cannot be told what a question means.

    Attributes:
        doubt: What, in a sentence without its end.
        candidates: Columns that may be meant.
    """

    def __init__(self, doubt: str, candidates: tuple[str, ...] = ()) -> None:
        super().__init__(doubt)
        self.doubt = doubt
        self.candidates = candidates
