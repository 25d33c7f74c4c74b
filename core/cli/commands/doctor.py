"""``perdure doctor``: a check of every part, with advice when one is missing."""

import platform
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import click

from perdure.cli.output.printing import print_json, print_table
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.event_loop import run_async
from perdure.cli.runtime.options import json_option
from perdure.cli.runtime.server_choice import this_machine_only

if TYPE_CHECKING:
    from temporalio.client import Client

    from perdure.agents.plugins.registry import AgentRegistry
    from perdure.models import Check
    from perdure.settings import Settings
    from perdure.stores import Stores

THREADS_LEFT_DAYS: Final = 7
# For the look at what each key has sealed; `perdure encryption show` takes the time it takes.
COUNT_SECONDS: Final = 5.0


@click.command()
@click.option(
    "--model",
    is_flag=False,
    flag_value="",
    metavar="[NAME]",
    help="Ask this model, or the one that PERDURE_MODEL names, for a word, a call of a tool and a"
    " stream, and say what it can; nothing else is looked for.",
)
@json_option
@handle_errors
@this_machine_only
def doctor(model: str | None, as_json: bool) -> None:
    """Look for every part that Perdure and its agents need; status 1 when one is missing."""
    checks, statuses = run_async(_run_checks() if model is None else _ask_model(model))
    missing = any(check.required and not check.found for check in checks)

    def status(check: "Check") -> str:
        return statuses.get(check.part, "found" if check.found else "missing")

    if as_json:
        shown = [check.model_dump() | {"status": status(check)} for check in checks]
        print_json({"checks": shown, "ok": not missing})
    else:
        print_table(
            ["part", "status", "version", "where", "what to do"],
            [
                [
                    check.part,
                    status(check),
                    check.version,
                    check.where,
                    "" if check.found else check.advice,
                ]
                for check in checks
            ],
        )
    sys.exit(1 if missing else 0)


async def _ask_model(name: str) -> "tuple[list[Check], dict[str, str]]":
    """Return what a model can, and the status of what it cannot but need not."""
    from perdure.cli.model_checks.checking import check_model

    checks = await check_model(name)
    return checks, {check.part: "yes" if check.found else "no" for check in checks}


async def _run_checks() -> "tuple[list[Check], dict[str, str]]":
    """Return every check, and the status of plugins that people or settings left out."""
    from perdure.models import Check
    from perdure.settings import Settings
    from perdure.temporal.installation import load_agents
    from perdure.version import core_version

    settings = Settings()
    registry = load_agents(settings)
    statuses: dict[str, str] = {
        plugin.distribution: plugin.status
        for plugin in registry.plugins
        if plugin.status in {"denied", "disabled"}
    }
    keys = _check_keys(settings)
    checks = [
        Check(part="Python", found=True, version=platform.python_version(), where=sys.executable),
        Check(part="perdure", found=True, version=core_version(), where=_package_path()),
        *keys,
        *_check_audit_key(settings),
        *_check_policy(settings),
        # Without the keys there is no client of Temporal's.
        *(
            [
                *await _check_stores(settings),
                *_limits(settings),
                *await _check_temporal(settings),
            ]
            if all(key.found for key in keys)
            else []
        ),
        *await _check_plugins(registry),
    ]
    return checks, statuses


def _check_keys(settings: "Settings") -> "list[Check]":
    """Return whether the keys of what is encrypted can be read; nothing where none are set."""
    from perdure.encryption.loading import KeysUnreadable, load_cipher
    from perdure.encryption.secret_source import COMMAND
    from perdure.models import Check

    source = settings.encryption_keys
    # Of a command, which may hold a password, its program alone is shown.
    where = source.partition(" ")[0] if source.startswith(COMMAND) else source
    try:
        cipher = load_cipher(source)
    except KeysUnreadable as error:
        return [Check(part="encryption keys", found=False, where=where, advice=str(error))]
    if cipher is None:
        return []
    return [Check(part="encryption keys", found=True, version=cipher.key_id, where=where)]


def _check_audit_key(settings: "Settings") -> "list[Check]":
    """Return whether the key of the audit trail can be read; nothing where none is set."""
    from perdure.audit.keys import AuditKeyUnreadable, load_signing_key
    from perdure.encryption.secret_source import COMMAND, SecretUnreadable
    from perdure.models import Check

    source = settings.audit_key
    if not source:
        return []
    where = source.partition(" ")[0] if source.startswith(COMMAND) else source
    try:
        key = load_signing_key(source)
    except (SecretUnreadable, AuditKeyUnreadable) as error:
        return [Check(part="audit key", found=False, where=where, advice=str(error))]
    return [Check(part="audit key", found=True, version=key.public.id, where=where)]


def _check_policy(settings: "Settings") -> "list[Check]":
    """Return whether the policy's rules can be put in force; nothing where there are none."""
    from perdure.models import Check
    from perdure.policy.errors import PolicyInvalid
    from perdure.policy.reading import load_policy

    where = str(settings.policy)
    try:
        policy = load_policy(settings.policy)
    except PolicyInvalid as error:
        advice = f"{error}; what runs keeps the rules that it has, and nothing new starts"
        return [Check(part="policy", found=False, where=where, advice=advice)]
    if policy is None:
        return []
    return [Check(part="policy", found=True, version=policy.digest[:12], where=where)]


def _package_path() -> str:
    import perdure

    return str(perdure.__path__[0])


def _limits(settings: "Settings") -> "list[Check]":
    """Return how many goals may run at once, for people to see."""
    from perdure.concurrency import ConcurrencyLimits
    from perdure.models import Check

    return [
        Check(
            part=f"goals at once {limit.described}", found=True, version=f"at most {limit.most:,}"
        )
        for limit in ConcurrencyLimits.parse(settings.concurrent_goals)
    ]


async def _check_stores(settings: "Settings") -> "list[Check]":
    from perdure.models import Check
    from perdure.stores import StoreUnavailable, open_stores

    try:
        async with open_stores(settings) as stores:
            found = Check(part="stores", found=True, where=stores.database.url)
            return [
                found,
                await _check_artifacts(stores),
                *await _check_sealed(stores),
                *await _check_notifications(stores),
                *await _check_redis(stores),
                *await check_threads(stores),
                *await _check_pools(stores),
            ]
    except StoreUnavailable as error:
        missing = Check(part="stores", found=False, where=str(settings.home), advice=str(error))
        return [missing]


async def _check_notifications(stores: "Stores") -> "list[Check]":
    """Return whether readers of events are woken; on SQLite they need not be."""
    if stores.database.is_sqlite:
        return []
    from perdure.models import Check
    from perdure.stores.events.change_listener import NotListening
    from perdure.stores.events.database_listener import check_listening

    advice = ""
    try:
        await check_listening(stores.database)
    except NotListening as error:
        advice = f"{error}; until then events are polled"
    return [
        Check(
            part="events: LISTEN and NOTIFY",
            found=not advice,
            where=stores.database.listen_url,
            advice=advice,
            required=False,
        )
    ]


async def _check_redis(stores: "Stores") -> "list[Check]":
    """Return whether what processes share for speed is there, where there is to be any."""
    if stores.redis is None:
        return []
    from perdure.models import Check
    from perdure.redis.connection import RedisAway

    advice = ""
    try:
        await stores.redis.check()
    except RedisAway as error:
        advice = (
            f"{error}: see that it is up, or correct PERDURE_REDIS_URL; until then each process"
            " goes on by itself"
        )
    where = stores.redis.where
    return [Check(part="Redis", found=not advice, where=where, advice=advice, required=False)]


async def _check_artifacts(stores: "Stores") -> "Check":
    from perdure.models import Check
    from perdure.stores import StoreUnavailable

    contents = stores.contents
    try:
        await contents.probe.check()
    except StoreUnavailable as error:
        return Check(part="artifacts", found=False, where=contents.where, advice=str(error))
    return Check(part="artifacts", found=True, where=contents.where)


async def _check_sealed(stores: "Stores") -> "list[Check]":
    """Return how much each key has sealed, where more than the first one has."""
    if stores.resealing is None:
        return []
    from perdure.models import Check
    from perdure.stores import StoreUnavailable

    cipher = stores.resealing.cipher
    try:
        counts = await stores.resealing.count(COUNT_SECONDS)
    except StoreUnavailable:
        return []  # what is wrong with the artifacts is said of them
    return [
        Check(
            part=f"sealed with {key}",
            found=key in cipher.key_ids,
            version=counts.of(key),
            advice=f"nothing of that can be read: add the line of {key!r} to the keys again",
        )
        for key in dict.fromkeys([cipher.key_id, *counts.ids()])
    ]


async def check_threads(stores: "Stores") -> "list[Check]":
    """Return a check for each agent whose steps have gone on after their goals of late."""
    from perdure.models import Check
    from perdure.stores.spending.metrics import THREADS_LEFT_METRIC

    return [
        Check(
            part=f"{total.agent_type}: steps that end with their goals",
            found=False,
            advice=f"in the last {THREADS_LEFT_DAYS} days plain step functions went on after their"
            f" goals had ended or been interrupted (functions: {total.total:.0f}, goals:"
            f" {total.count}): give them a time limit, or run programs with run.command",
            required=False,
        )
        for total in await stores.metrics.totals(
            since=datetime.now(UTC) - timedelta(days=THREADS_LEFT_DAYS)
        )
        if total.name == THREADS_LEFT_METRIC
    ]


async def _check_pools(stores: "Stores") -> "list[Check]":
    """Return a check for each pool whose goals wait for a worker."""
    from perdure.models import Check
    from perdure.models.workers import pool_without_worker

    waiting, there = await stores.goals.running_by_pool(), await stores.workers.pools()
    return [
        Check(
            part=f"worker of the pool {pool}",
            found=False,
            advice=f"goals that wait for one: {count:,}; {pool_without_worker(pool)}",
            required=False,
        )
        for pool, count in waiting.items()
        if pool not in there
    ]


async def _check_temporal(settings: "Settings") -> "list[Check]":
    from perdure.models import Check
    from perdure.temporal.client.connection import TemporalUnavailable, connect
    from perdure.temporal.installation import installation_address
    from perdure.temporal.server.binary import find_server_binary

    checks = []
    address = installation_address(settings.home)
    if address is not None:
        try:
            client = await connect(address)
            checks.append(Check(part="Temporal server", found=True, where=address))
            checks += await _check_payloads(client)
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


async def _check_payloads(client: "Client") -> "list[Check]":
    """Return a check for goals under way whose input the keys do not open."""
    from perdure.models import Check
    from perdure.temporal.conversion.sealed_goals import find_sealed_goals

    return [
        Check(part=f"input of {goal.workflow_id}", found=False, advice=goal.reason)
        for goal in await find_sealed_goals(client)
    ]


async def _check_plugins(registry: "AgentRegistry") -> "list[Check]":
    from perdure.cli.agent_checks.checking import run_agent_checks
    from perdure.models import Check

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
    with_check = [name for name, agent in sorted(registry.agents.items()) if agent.spec.check]
    checks += await run_agent_checks(with_check)
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
