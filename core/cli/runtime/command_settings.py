"""The settings of a command, with the plugin files that it was given."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perdure.settings import Settings


def settings_with_files(plugin_files: tuple[Path, ...]) -> "Settings":
    """Return the settings, with the plugin files that a command was given added."""
    from perdure.settings import Settings

    settings = Settings()
    added = [file.expanduser().absolute() for file in plugin_files]
    files = tuple(dict.fromkeys([*settings.plugin_files, *added]))
    return settings.model_copy(update={"plugin_files": files})
