"""The command line. Its modules import only click at the top, so that ``--help`` is quick."""

from perdure.cli.main import main

__all__ = ["main"]
