import asyncio, time
from datetime import UTC, datetime
import pytest
from holdfast.models import *
from holdfast.settings import Settings
from holdfast.stores import open_stores

GOAL = Goal(goal_id="g", description="d", agent_type="x")

async def test_speed(stores):
    async def timeit(name, f, n=300):
        t = time.perf_counter()
        for i in range(n): await f(i)
        print(f"{name:8} {(time.perf_counter()-t)/n*1000:.3f} ms")
    await timeit("begin", lambda i: stores.goals.begin(GOAL, f"w{i}", datetime.now(UTC)))
    await timeit("begin2", lambda i: stores.goals.begin(GOAL, f"w{i}", datetime.now(UTC)))
    await timeit("append", lambda i: stores.events.append(f"w{i}", "progress", {}))
    await timeit("load", lambda i: stores.context.journal(f"w{i}").load())
    await timeit("draft", lambda i: stores.results.draft(f"w{i}", Result()))
    await timeit("store", lambda i: stores.results.store(f"w{i}", GoalStatus.COMPLETED, None, 1.0))
    await timeit("get", lambda i: stores.goals.get(f"w{i}"))

async def show(coro):
    try: return await asyncio.wait_for(coro, 70)
    except BaseException as e: print(type(e).__module__, type(e).__name__, type(e).__mro__[1].__name__, getattr(e, "sqlstate", None), str(e)[:150])

async def opening(url, home):
    async with open_stores(Settings(home=home, database_url=url)) as s: pass

async def test_errors(postgresql, tmp_path):
    for url in [postgresql.url("nope"), "postgresql+asyncpg://holdfast@127.0.0.1:1/x", "postgresql+asyncpg://holdfast@localhost:1/x",
                "postgresql+asyncpg://holdfast@nowhere.invalid:1/x", postgresql.url().replace("holdfast", "nobody"), "garbage", "sqlite://", "postgresql://x/y",
                "postgresql+asyncpg://holdfast@127.0.0.1:%d/postgres?ssl=require" % postgresql.port]:
        print(url); await show(opening(url, tmp_path / "h"))
    name = await postgresql.create_database()
    async with open_stores(Settings(home=tmp_path / "h", database_url=postgresql.url(name))) as s:
        await s.goals.begin(GOAL, "w", datetime.now(UTC))
        from sqlalchemy import text
        print("killed in a query")
        async def kill():
            await asyncio.sleep(0.3); await postgresql.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname='{name}'")
        k = asyncio.create_task(kill())
        await show(s.database.read(lambda c: c.execute(text("SELECT pg_sleep(5)")).all())); await k
        print("after:"); await show(s.goals.get("w"))
        print("readonly:"); await show(s.database.write(lambda t: (t.connection.execute(text("SET TRANSACTION READ ONLY")), t.connection.execute(text("DELETE FROM goals")))))
        print("unknown run:"); await show(s.results.draft("zz", Result()))
        print("nul:"); await show(s.goals.begin(Goal(goal_id="g", description="d\x00d", agent_type="x"), "n", datetime.now(UTC)))
    await postgresql.drop_database(name)
