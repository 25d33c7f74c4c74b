"""The command line; every module here imports only click, so that ``--help`` is quick."""

from holdfast.cli.main import main

__all__ = ["main"]
