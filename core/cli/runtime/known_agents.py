"""What is known of agents and plugins without loading any, for shell completion.

Nothing of ``perdure.agents`` is imported here: a person who presses TAB waits for it.
"""

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_SECTION: Final = re.compile(r"^\s*\[\s*perdure\s*\]", re.MULTILINE)
_AGENT_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_METADATA: Final = (".dist-info", ".egg-info")
_PREFIX: Final = "perdure-"


@dataclass(frozen=True, slots=True)
class _Choices:
    """The settings that decide which agents there are."""

    home: Path
    allow: frozenset[str]
    deny: frozenset[str]
    files: tuple[Path, ...]

    def are_for(self, distribution: str) -> bool:
        """Return whether a distribution may be loaded."""
        return distribution not in self.deny and (not self.allow or distribution in self.allow)


def known_agents(files: Sequence[Path] = ()) -> dict[str, str]:
    """Return the agents that there are, by name, with their descriptions where these are known.

    They are those that the plugins had when they were loaded last. A plugin that was never loaded
    in this home has, in all likelihood, the agent that its name says.

    Args:
        files: Further plugin files.
    """
    choices = _read_choices()
    record = _read(choices.home / "plugins" / "agents.json")
    plugins, failed = record.get("plugins", {}), record.get("failed", ())
    disabled = set(disabled_plugins())
    agents: dict[str, str] = {}
    for distribution in installed_plugins():
        if distribution in disabled or not choices.are_for(distribution):
            continue
        short = distribution.removeprefix(_PREFIX)
        if distribution in failed:
            continue
        if distribution in plugins:
            agents |= plugins[distribution]
        elif short != distribution and _AGENT_NAME.fullmatch(short):
            agents[short] = ""
    for path in (*choices.files, *_files_that_run(choices.home), *files):
        agents |= plugins.get(str(path.expanduser().absolute()), {})
    return agents


def installed_plugins() -> list[str]:
    """Return the distributions with an entry point in the group ``perdure``, sorted."""
    return sorted({_canonical(path.stem.partition("-")[0]) for path in _plugin_metadata()})


def disabled_plugins() -> list[str]:
    """Return the distributions that are disabled in the home, sorted."""
    names = _read(_read_choices().home / "plugins" / "disabled.json").get("disabled", ())
    return sorted(_canonical(name) for name in names)


def _plugin_metadata() -> Iterator[Path]:
    """Yield the folder of each plugin's metadata."""
    for place in dict.fromkeys(sys.path):
        with suppress(OSError):
            for entry in os.scandir(place or os.curdir):
                if entry.name.endswith(_METADATA):
                    with suppress(OSError, ValueError):
                        text = Path(entry.path, "entry_points.txt").read_text(encoding="utf-8")
                        if _SECTION.search(text):
                            yield Path(entry.path)


def _read_choices() -> _Choices:
    if Path(".env").exists():
        from perdure.settings import Settings

        settings = Settings()
        return _choices(
            settings.home, settings.plugins_allow, settings.plugins_deny, settings.plugin_files
        )
    # Importing the settings takes as long as everything else of a completion.
    variables = {name.upper(): value for name, value in os.environ.items()}
    if home := variables.get("PERDURE_HOME"):
        folder = Path(home).expanduser().absolute()
    else:
        import platformdirs

        folder = platformdirs.user_data_path("perdure")
    allow, deny, files = (
        [part.strip() for part in variables.get(f"PERDURE_{name}", "").split(",") if part.strip()]
        for name in ("PLUGINS_ALLOW", "PLUGINS_DENY", "PLUGIN_FILES")
    )
    return _choices(folder, allow, deny, [Path(file) for file in files])


def _choices(
    home: Path, allow: Sequence[str], deny: Sequence[str], files: Sequence[Path]
) -> _Choices:
    return _Choices(
        home, frozenset(map(_canonical, allow)), frozenset(map(_canonical, deny)), tuple(files)
    )


def _files_that_run(home: Path) -> list[Path]:
    """Return the plugin files of the installation that runs on the home."""
    running = _read(home / "running.json")
    with suppress(OSError, LookupError, TypeError, OverflowError):
        os.kill(running["pid"], 0)
        return [Path(file["path"]) for file in running["plugin_files"]]
    return []


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
