"""The command line; every module here imports only click, so that ``--help`` is quick."""

from perdure.cli.main import main

__all__ = ["main"]
