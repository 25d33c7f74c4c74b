"""What scales a pool's pods: the query that KEDA sends, and the metric that an HPA reads."""

import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import yaml
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import create_async_engine

from perdure.models import Goal, GoalStatus
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.stores.database import schema
from perdure.telemetry import conventions
from tests.support.helm import CHART, Helm
from tests.support.postgresql import PostgreSQL

EXAMPLES: Final = CHART / "examples"
PAGE: Final = Path(__file__).parents[2] / "docs/how-to/kubernetes.md"


def _named(documents: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each["spec"] for each in documents if each["kind"] == kind}


def _metadata(scaled: dict[str, Any]) -> dict[str, str]:
    (trigger,) = scaled["triggers"]
    metadata: dict[str, str] = trigger["metadata"]
    return metadata


async def test_keda_counts_the_goals_that_want_a_slot(
    helm: Helm, postgresql: PostgreSQL, tmp_path: Path
) -> None:
    scaled = _named(helm.render(EXAMPLES / "keda.yaml"), "ScaledObject")
    queries = {name: _metadata(each)["query"] for name, each in scaled.items()}
    wanted = {"default": 3, "gpu": 2}
    async with postgresql.database() as url:
        async with open_stores(Settings(home=tmp_path, database_url=url)) as stores:

            async def add(status: GoalStatus, pool: str | None = None) -> None:
                run = f"goal-{len(added)}"
                added.append(run)
                goal = Goal(goal_id=run, description="d", agent_type="code", pool=pool)
                await stores.goals.create(goal, run, datetime.now(UTC))
                change = update(schema.goals).where(schema.goals.c.workflow_id == run)
                await stores.database.write(
                    lambda transaction: transaction.connection.execute(
                        change.values(status=status.value)
                    )
                )

            added: list[str] = []
            for pool, number in wanted.items():
                for _ in range(number):
                    await add(GoalStatus.RUNNING, None if pool == "default" else pool)
                for status in set(GoalStatus) - {GoalStatus.RUNNING}:
                    await add(status, None if pool == "default" else pool)
            # Of a pool that no block is about.
            await add(GoalStatus.RUNNING, "elsewhere")
        engine = create_async_engine(url)
        async with engine.connect() as connection:
            for pool, number in wanted.items():
                query = queries[f"perdure-worker-{pool}"]
                assert (await connection.execute(text(query))).scalar_one() == number
        await engine.dispose()


def test_keda_gives_a_pod_as_many_goals_as_it_has_slots_for(helm: Helm) -> None:
    documents = helm.render(EXAMPLES / "keda.yaml")
    scaled = _named(documents, "ScaledObject")
    # 70 % of 2 processes with 200 slots, and of one with 4.
    assert _metadata(scaled["perdure-worker-default"])["targetQueryValue"] == "280"
    assert _metadata(scaled["perdure-worker-gpu"])["targetQueryValue"] == "2"
    (trigger,) = scaled["perdure-worker-gpu"]["triggers"]
    reads = _named(documents, "TriggerAuthentication")[trigger["authenticationRef"]["name"]]
    assert reads["secretTargetRef"] == [
        {"parameter": "connection", "name": "perdure-readonly", "key": "database-url"}
    ]
    # Without a setting of its own, it reads as Perdure does.
    (reads,) = _named(
        helm.render(EXAMPLES / "keda.yaml", values={"keda": {"database": None}}),
        "TriggerAuthentication",
    ).values()
    assert reads["secretTargetRef"][0]["name"] == "perdure"


def _adapter_rule() -> dict[str, Any]:
    (block,) = re.findall(r"```yaml\n(rules:.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (rule,) = yaml.safe_load(block)["rules"]["custom"]
    found: dict[str, Any] = rule
    return found


def test_an_hpa_reads_the_metric_that_the_documented_rule_makes(helm: Helm) -> None:
    rule = _adapter_rule()
    scaler = _named(helm.render(EXAMPLES / "everything.yaml"), "HorizontalPodAutoscaler")
    (metric,) = scaler["perdure-worker-default"]["metrics"]
    assert metric["pods"]["metric"]["name"] == rule["name"]["as"]
    assert metric["pods"]["target"] == {"type": "AverageValue", "averageValue": "700m"}
    own = {each.name.replace(".", "_") for each in (conventions.SLOTS, conventions.SLOTS_USED)}
    assert set(re.findall(r"perdure_worker_slots\w*", rule["metricsQuery"])) == own


def test_the_rule_is_the_part_of_the_slots_in_use(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    assert promtool, "install the Debian package prometheus, as make install does"
    query = (
        _adapter_rule()["metricsQuery"]
        .replace("<<.LabelMatchers>>", 'namespace="agents",pod=~"a|b"')
        .replace("<<.GroupBy>>", "pod")
    )
    series = {"a": (100, 70), "b": (400, 20)}
    units = {
        "rule_files": [],
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {
                        "series": f'perdure_worker_slots{end}{{namespace="agents",pod="{pod}"}}',
                        "values": str(value),
                    }
                    for pod, numbers in series.items()
                    for end, value in zip(("", "_used"), numbers, strict=True)
                ],
                "promql_expr_test": [
                    {
                        "expr": query,
                        "eval_time": "0m",
                        "exp_samples": [
                            {"labels": f'{{pod="{pod}"}}', "value": used / slots}
                            for pod, (slots, used) in series.items()
                        ],
                    }
                ],
            }
        ],
    }
    file = tmp_path / "units.yml"
    file.write_text(yaml.safe_dump(units), encoding="utf-8")
    ended = subprocess.run(
        [promtool, "test", "rules", str(file)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
