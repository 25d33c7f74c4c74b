"""Builds every program that tests need and that comes as Go source, one after the other.

Before the tests: builds beside them take both processors from those that wait for something.
"""

import asyncio

from deploy.native.go_programs import ensure_go_program
from deploy.native.programs import ensure_programs
from perdure.settings import Settings
from tests.support.collector import ensure_collector
from tests.support.helm import HELM
from tests.support.identity_provider import PROVIDER


async def ensure_test_programs() -> None:
    """Build what is not in the cache."""
    settings = Settings(_env_file=None)
    await ensure_programs(settings, _report)
    await ensure_collector()
    for program in (HELM, PROVIDER):
        await ensure_go_program(program, settings, _report)


def _report(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    asyncio.run(ensure_test_programs())
