"""``python -m perdure.cli`` is ``perdure``."""

from perdure.cli.main import main

main()
