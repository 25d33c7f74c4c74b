"""All services of a compose file, started in the order in which they need each other."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from dotenv import dotenv_values

from deploy.native.compose_file import ComposeFileRefused, read_compose_file
from deploy.native.programs import DEPLOY, ensure_programs
from deploy.native.running_service import RunningService, ServiceFailed
from deploy.native.sandbox import Installation
from perdure.settings import Settings
from perdure.temporal.server.processes import run_command

COMPOSE_FILE = DEPLOY / "compose.yaml"


class Cluster:
    """The services of an installation.

    Attributes:
        installation: Whose they are.
        services: Each by its name.
    """

    def __init__(
        self, installation: Installation, report: Callable[[str], None], names: Collection[str] = ()
    ) -> None:
        self.installation = installation
        self.services = {
            name: RunningService(installation, name, report)
            for name in installation.file.needed_by(names or installation.file.services)
        }
        self._report = report

    def url(self, service: str, port: int) -> str:
        """Return where a service answers over HTTP, seen from this machine."""
        return f"http://{self.installation.addresses()[service]}:{port}"

    def api_key(self) -> str:
        """Return the key that opens the API."""
        return (self._secrets_folder() / "api-key").read_text(encoding="utf-8")

    def database_url(self) -> str:
        """Return the address of the stores' database, seen from this machine."""
        url = (self._secrets_folder() / "PERDURE_DATABASE_URL").read_text(encoding="utf-8")
        return url.replace("@postgresql:", f"@{self.installation.addresses()['postgresql']}:")

    async def start(self) -> None:
        """Start every service as soon as what it depends on is there, and wait for all.

        Raises:
            ServiceFailed: One did not get as far as others need it.
        """
        async with asyncio.TaskGroup() as starting:
            for name in self.services:
                starting.create_task(self._start(name))

    async def stop(self) -> None:
        """Stop every service, those that others depend on last."""
        for wave in reversed(self.installation.file.in_order()):
            running = self.services.keys() & wave
            await asyncio.gather(*(self.services[name].stop() for name in running))

    async def _start(self, name: str) -> None:
        running = self.services[name]
        for dependency, how in running.service.depends_on.items():
            await self._until(dependency, how.condition)
        running.start()
        self._report(f"{name} starts")
        if running.service.runs_once:
            await self._until(name, "service_completed_successfully")
        elif running.service.healthcheck is not None:
            await self._until(name, "service_healthy")
            self._report(f"{name} is healthy")

    async def _until(self, name: str, condition: str) -> None:
        running = self.services[name]
        while running.starts == 0:  # noqa: ASYNC110 -- until its own dependencies are there
            await asyncio.sleep(0.05)
        if condition == "service_healthy":
            await running.until_healthy()
        elif condition == "service_completed_successfully":
            await running.until_completed()

    def _secrets_folder(self) -> Path:
        file = self.installation.file.secrets["PERDURE_API_KEYS"].file
        return (self.installation.folder / file).parent


@asynccontextmanager
async def run_cluster(
    home: Path,
    report: Callable[[str], None],
    *,
    services: Collection[str] = (),
    changes: Sequence[Path] = (),
    variables: dict[str, str] | None = None,
) -> AsyncIterator[Cluster]:
    """Run the cluster of ``compose.yaml`` as long as the block runs.

    Args:
        home: Where its secrets, volumes and logs are, and are made when they are not there.
        report: Takes a line about how far it is.
        services: Which ones to run, with those that they depend on; all when none is named.
        changes: Compose files that change it.
        variables: What stands for variables in it, beside the environment and ``.env``.

    Raises:
        ComposeFileRefused: The file says what cannot be done here.
        ServiceFailed: A service does not start.
    """
    settings = Settings()
    await ensure_programs(settings, report)
    (home / "logs").mkdir(parents=True, exist_ok=True)
    secrets_folder = home / "secrets"
    await run_command(["/bin/sh", str(DEPLOY / "make-secrets"), str(secrets_folder)])
    known = {name: value or "" for name, value in dotenv_values(DEPLOY / ".env").items()}
    known |= os.environ
    known |= {"CLUSTER_SECRETS": str(secrets_folder), "CLUSTER_SUBNET": _subnet()}
    file = read_compose_file([COMPOSE_FILE, *changes], known | (variables or {}))
    installation = Installation(file, DEPLOY, home, settings.cache)
    installation.write_etc()
    cluster = Cluster(installation, report, services)
    try:
        try:
            await cluster.start()
        except* (ServiceFailed, ComposeFileRefused) as group:
            raise group.exceptions[0] from None
        yield cluster
    finally:
        await asyncio.shield(asyncio.create_task(cluster.stop()))


def _subnet() -> str:
    # Any address of 127.0.0.0/8 is this machine's: two clusters do not meet on one.
    return f"127.{1 + secrets.randbelow(254)}.{secrets.randbelow(256)}.0/24"
