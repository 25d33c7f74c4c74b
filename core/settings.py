"""Settings: environment variables ``PERDURE_*`` and a ``.env`` file in the current folder.

Temporal's own settings (``TEMPORAL_ADDRESS``, ``TEMPORAL_NAMESPACE``, TLS, API key, profiles) are
read by ``temporalio.envconfig`` and not here.
"""

from functools import cached_property
from pathlib import Path
from typing import Annotated

import platformdirs
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_NameList = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """Everything an installation can choose.

    Attributes:
        home: ``PERDURE_HOME``: the folder of the embedded server's state, the SQLite stores and
            the artifacts.
        cache: ``PERDURE_CACHE``: the folder of what can be downloaded or built again, such as the
            server binary.
        database_url: ``PERDURE_DATABASE_URL``: a SQLAlchemy address such as
            ``postgresql+asyncpg://…``; SQLite under ``home`` when not set.
        host: ``PERDURE_HOST``: the address the API listens on.
        port: ``PERDURE_PORT``: the API's port.
        api_keys: ``PERDURE_API_KEYS``: comma-separated SHA-256 digests (64 hexadecimal digits) of
            the keys that may use the API; without any, only this machine may.
        plugins_allow: ``PERDURE_PLUGINS_ALLOW``: comma-separated distributions that may be loaded;
            all when empty.
        plugins_deny: ``PERDURE_PLUGINS_DENY``: comma-separated distributions never loaded.
        plugin_files: ``PERDURE_PLUGIN_FILES``: comma-separated Python files to load like plugins,
            and reload when they change.
        plugin_import_seconds: ``PERDURE_PLUGIN_IMPORT_SECONDS``: how long a plugin's import may
            take before it counts as failed.
        event_log: ``PERDURE_EVENT_LOG``: a file to which workers add every event, one line of JSON
            each; none when not set.
        max_concurrent_goals: ``PERDURE_MAX_CONCURRENT_GOALS``: goals one worker runs at once.
        stall_seconds: ``PERDURE_STALL_SECONDS``: how long an agent may go without a step that
            starts or ends, and without an event, before the attempt fails as stalled.
        drain_seconds: ``PERDURE_DRAIN_SECONDS``: how long agents may take to reach the end of a
            step when their worker stops; then the step is cancelled, and executed again elsewhere.
        memory_target: ``PERDURE_MEMORY_TARGET``: the part of this machine's memory, from 0 to 1,
            above which a worker starts no further goals.
        build_id: ``PERDURE_BUILD_ID``: the version of what a worker runs, for Temporal's worker
            versioning; without one it is off.
        make_current: ``PERDURE_MAKE_CURRENT``: make this version the current one, which gets the
            goals from now on.
        model: ``PERDURE_MODEL``: the model that agents ask, such as ``openai:gpt-4o-mini``.
        model_cache: ``PERDURE_MODEL_CACHE``: answer a request that any goal has made before from
            the stores.
    """

    model_config = SettingsConfigDict(
        env_prefix="PERDURE_", env_file=".env", env_ignore_empty=True, extra="ignore"
    )

    home: Path = Field(default_factory=lambda: platformdirs.user_data_path("perdure"))
    cache: Path = Field(default_factory=lambda: platformdirs.user_cache_path("perdure"))
    database_url: str = ""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    api_keys: _NameList = ()
    plugins_allow: _NameList = ()
    plugins_deny: _NameList = ()
    plugin_files: Annotated[tuple[Path, ...], NoDecode] = ()
    plugin_import_seconds: float = 10.0
    event_log: Path | None = None
    max_concurrent_goals: int = 1000
    stall_seconds: Annotated[float, Field(gt=0)] = 900.0
    drain_seconds: Annotated[float, Field(ge=0)] = 20.0
    memory_target: Annotated[float, Field(gt=0, le=1)] = 0.85
    build_id: str = ""
    make_current: bool = False
    model: str = ""
    model_cache: bool = False

    @field_validator("api_keys", "plugins_allow", "plugins_deny", "plugin_files", mode="before")
    @classmethod
    def _split_commas(cls, names: object) -> object:
        if isinstance(names, str):
            return tuple(part.strip() for part in names.split(",") if part.strip())
        return names

    @field_validator("home", "cache")
    @classmethod
    def _make_absolute(cls, folder: Path) -> Path:
        return folder.expanduser().absolute()

    @field_validator("event_log")
    @classmethod
    def _make_file_absolute(cls, file: Path | None) -> Path | None:
        return file.expanduser().absolute() if file is not None else None

    @field_validator("plugin_files")
    @classmethod
    def _make_files_absolute(cls, files: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(dict.fromkeys(file.expanduser().absolute() for file in files))

    @cached_property
    def stores_url(self) -> str:
        """The address of the database that holds the stores."""
        return self.database_url or f"sqlite:///{self.home / 'perdure.db'}"
