"""``perdure doctor``: a check of every part, with advice when one is missing."""

import platform
import sys
from typing import TYPE_CHECKING

import click

from perdure.cli.output.printing import print_json, print_table
from perdure.cli.runtime.errors import error_message, handle_errors
from perdure.cli.runtime.event_loop import run_async
from perdure.cli.runtime.options import json_option

if TYPE_CHECKING:
    from perdure.models import Check
    from perdure.settings import Settings


@click.command()
@json_option
@handle_errors
def doctor(as_json: bool) -> None:
    """Look for every part that Perdure and its agents need; status 1 when one is missing."""
    checks = run_async(_run_checks())
    missing = any(check.required and not check.found for check in checks)
    if as_json:
        print_json({"checks": [check.model_dump() for check in checks], "ok": not missing})
    else:
        print_table(
            ["part", "status", "version", "where", "what to do"],
            [
                [
                    check.part,
                    "found" if check.found else "missing",
                    check.version,
                    check.where,
                    "" if check.found else check.advice,
                ]
                for check in checks
            ],
        )
    sys.exit(1 if missing else 0)


async def _run_checks() -> "list[Check]":
    from perdure.models import Check
    from perdure.settings import Settings
    from perdure.version import core_version

    settings = Settings()
    return [
        Check(part="Python", found=True, version=platform.python_version(), where=sys.executable),
        Check(part="perdure", found=True, version=core_version(), where=_package_path()),
        await _check_stores(settings),
        *await _check_temporal(settings),
        *_check_plugins(settings),
    ]


def _package_path() -> str:
    import perdure

    return str(perdure.__path__[0])


async def _check_stores(settings: "Settings") -> "Check":
    from perdure.models import Check
    from perdure.stores import StoreUnavailable, open_stores

    try:
        async with open_stores(settings) as stores:
            return Check(part="stores", found=True, where=stores.database.url)
    except StoreUnavailable as error:
        return Check(part="stores", found=False, where=str(settings.home), advice=str(error))


async def _check_temporal(settings: "Settings") -> "list[Check]":
    from perdure.models import Check
    from perdure.temporal.client.connection import TemporalUnavailable, connect
    from perdure.temporal.installation import installation_address
    from perdure.temporal.server.binary import find_server_binary

    checks = []
    address = installation_address(settings.home)
    if address is not None:
        try:
            await connect(address)
            checks.append(Check(part="Temporal server", found=True, where=address))
        except TemporalUnavailable as error:
            checks.append(
                Check(part="Temporal server", found=False, where=address, advice=str(error))
            )
    binary = await find_server_binary(settings)
    checks.append(
        Check(
            part="Temporal binary",
            found=binary is not None,
            version=binary.version if binary else "",
            where=str(binary.path) if binary else "",
            advice="perdure dev gets one by itself: a download, or a build with Go",
            required=False,
        )
    )
    return checks


def _check_plugins(settings: "Settings") -> "list[Check]":
    from perdure.models import Check
    from perdure.temporal.installation import load_agents

    registry = load_agents(settings)
    checks = [
        Check(
            part=plugin.distribution,
            found=plugin.status == "loaded",
            version=plugin.version,
            where=plugin.module,
            advice=plugin.reason,
            required=plugin.status == "failed",
        )
        for plugin in registry.plugins
    ]
    for name, agent in sorted(registry.agents.items()):
        if agent.spec.check is None:
            continue
        try:
            checks += [
                check.model_copy(update={"part": f"{name}: {check.part}"})
                for check in agent.spec.check()
            ]
        except Exception as error:  # noqa: BLE001 -- a plugin's check may raise anything
            advice = error_message(error) or repr(error)
            checks.append(Check(part=f"{name}: check", found=False, advice=advice))
    if not registry.agents:
        checks.append(
            Check(
                part="agents",
                found=False,
                advice="install one, e.g. pip install perdure-research",
                required=False,
            )
        )
    return checks
