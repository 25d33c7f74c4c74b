"""Launcher for a checkout: ``python cli.py run research "…"`` is ``holdfast run research "…"``."""

from holdfast.cli import main

if __name__ == "__main__":
    main()
