"""Launcher for a checkout: ``python cli.py run research "…"`` is ``perdure run research "…"``."""

from perdure.cli import main

if __name__ == "__main__":
    main()
