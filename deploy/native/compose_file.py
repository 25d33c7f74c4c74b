"""What ``compose.yaml`` says, as far as it is used; anything else in it is refused."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

_VARIABLE: Final = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<plain>[A-Za-z_]\w*)"
    r"|\{(?P<name>[A-Za-z_]\w*)(?:(?P<operator>:?[-?])(?P<word>[^}]*))?\})"
)
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class ComposeFileRefused(Exception):
    """A compose file says what cannot be done here; the message names it."""


def _seconds(value: object) -> object:
    if not isinstance(value, str):
        return value
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", value)
    if not parts or "".join(map("".join, parts)) != value:
        raise ValueError(f"{value!r} is no duration: write it as 30s or 1m30s")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


_Seconds = Annotated[float, BeforeValidator(_seconds)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Dependency(_Part):
    """How far another service has to be before one starts."""

    condition: Literal["service_started", "service_healthy", "service_completed_successfully"]
    restart: bool = False


class Healthcheck(_Part):
    """How it is seen that a service can serve; times are in seconds."""

    test: tuple[str, ...]
    interval: _Seconds = 30.0
    timeout: _Seconds = 30.0
    retries: int = 3
    start_period: _Seconds = 0.0
    start_interval: _Seconds = 5.0


class ConfigMount(_Part):
    """A file of ``configs``, and where a service finds it."""

    source: str
    target: str


class Service(_Part):
    """One service. What only an engine can do (``build``, ``ports``, …) is read and left alone."""

    image: str
    build: dict[str, str] | None = None
    user: str
    read_only: Literal[True]
    cap_drop: tuple[Literal["ALL"]]
    security_opt: tuple[str, ...]
    restart: Literal["no", "unless-stopped"]
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] = ()
    environment: dict[str, str] = Field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    configs: tuple[ConfigMount, ...] = ()
    volumes: tuple[str, ...] = ()
    tmpfs: tuple[str, ...] = ()
    shm_size: str = ""
    mem_limit: str = ""
    ports: tuple[str, ...] = ()
    depends_on: dict[str, Dependency] = Field(default_factory=dict)
    healthcheck: Healthcheck | None = None
    stop_signal: str = "SIGTERM"
    stop_grace_period: _Seconds = 10.0

    @property
    def runs_once(self) -> bool:
        """Whether it is to end, and others wait for that."""
        return self.restart == "no"

    @property
    def seccomp_profile(self) -> str | None:
        """The file of its own seccomp profile, as the compose file names it."""
        options = dict(option.partition("=")[::2] for option in self.security_opt)
        return options.get("seccomp")


class _File(_Part):
    file: str


class _AddressPool(_Part):
    subnet: str


class _AddressPools(_Part):
    config: tuple[_AddressPool]


class _Network(_Part):
    ipam: _AddressPools


class _Networks(_Part):
    default: _Network


class ComposeFile(BaseModel):
    """A compose file; what begins with ``x-`` is for other parts of the file."""

    model_config = ConfigDict(frozen=True)

    name: str
    services: dict[str, Service]
    networks: _Networks
    volumes: dict[str, dict[str, str]]
    secrets: dict[str, _File]
    configs: dict[str, _File]

    @property
    def subnet(self) -> str:
        """The addresses of the services."""
        return self.networks.default.ipam.config[0].subnet

    def needed_by(self, names: Collection[str]) -> list[str]:
        """Return services and those that they depend on, in the order of the file."""
        needed = set(names)
        while (
            more := {dependency for name in needed for dependency in self.services[name].depends_on}
            - needed
        ):
            needed |= more
        return [name for name in self.services if name in needed]

    def in_order(self) -> list[list[str]]:
        """Return the services in waves: each depends on those of earlier waves alone.

        Raises:
            ComposeFileRefused: Services depend on each other, or on one that is not there.
        """
        waves: list[list[str]] = []
        placed: set[str] = set()
        while len(placed) < len(self.services):
            wave = [
                name
                for name, service in self.services.items()
                if name not in placed and placed.issuperset(service.depends_on)
            ]
            if not wave:
                left = ", ".join(sorted(self.services.keys() - placed))
                raise ComposeFileRefused(f"{left} depend on each other or on nothing that is there")
            waves.append(wave)
            placed.update(wave)
        return waves


def read_compose_file(paths: Sequence[Path], variables: Mapping[str, str]) -> ComposeFile:
    """Read a compose file and those that change it.

    Args:
        paths: The files; what a later one says of a service is added to what earlier ones say.
        variables: What stands for ``${NAME}``.

    Raises:
        ComposeFileRefused: It cannot be read, or says what cannot be done here.
    """
    merged: Any = {}
    for path in paths:
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise ComposeFileRefused(f"{path} cannot be read: {error}") from error
        merged = _merge(merged, _interpolate(document, variables))
    try:
        return ComposeFile.model_validate(merged)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ComposeFileRefused(f"{paths[0]}: {place}: {first['msg']}") from error


def _merge(base: Any, more: Any) -> Any:
    if isinstance(base, dict) and isinstance(more, dict):
        return base | {
            key: _merge(base[key], value) if key in base else value for key, value in more.items()
        }
    if isinstance(base, list) and isinstance(more, list):
        return [*base, *more]
    return more


def _interpolate(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _interpolate(part, variables) for key, part in value.items()}
    if isinstance(value, list):
        return [_interpolate(part, variables) for part in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: _value_of(match, variables), value)
    return value


def _value_of(match: re.Match[str], variables: Mapping[str, str]) -> str:
    if match["escaped"]:
        return "$"
    name = match["plain"] or match["name"]
    operator, word = match["operator"] or "", match["word"] or ""
    value = variables.get(name)
    if value is None or (operator.startswith(":") and not value):
        if operator.endswith("?"):
            raise ComposeFileRefused(f"{name} is not set: {word}")
        return word
    return value
