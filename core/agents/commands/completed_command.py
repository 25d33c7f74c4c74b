"""What a command came to."""

from perdure.models import LastingModel


class CompletedCommand(LastingModel):
    """A command that has ended.

    Attributes:
        returncode: Its exit status; negative when a signal ended it, as ``-11`` for SIGSEGV.
        stdout: What it wrote on its standard output, at most the last mebibyte of it; bytes that
            are no UTF-8 are replaced.
        stderr: The same of its standard error.
        stdout_cut: Whether it wrote more on its standard output, so that the beginning is missing.
        stderr_cut: The same of its standard error.
        seconds: How long it took.
    """

    returncode: int
    stdout: str
    stderr: str
    stdout_cut: bool = False
    stderr_cut: bool = False
    seconds: float
