"""The connection to Redis: what a server that is gone, hangs or refuses costs whoever asks."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from perdure.redis.connection import RedisAway, RedisConnection, RedisUnusable
from perdure.settings import Settings
from perdure.telemetry.metrics import recording
from tests.support.redis_server import RedisServer, run_redis, tls_options
from tests.support.until import until_async


async def ask(connection: RedisConnection) -> object:
    return await connection.ask("responses", lambda client: client.get(connection.key("a")))


def refuses_at_once(connection: RedisConnection) -> None:
    """See that a request is refused before it waits for anything."""
    asked = connection.ask("responses", lambda client: client.get("a"))
    with pytest.raises(RedisAway, match="does not answer"):
        asked.send(None)


async def until_up(connection: RedisConnection) -> None:
    await until_async(connection.is_up, "Redis")


async def test_a_server_that_dies_costs_nothing_after_the_first_failure(
    redis_server: RedisServer, connection: RedisConnection
) -> None:
    await until_up(connection)
    redis_server.kill()
    with capture_logs() as logs:
        with pytest.raises(RedisAway):
            await ask(connection)
        refuses_at_once(connection)
    assert len([entry for entry in logs if "does not answer" in entry["event"]]) == 1
    redis_server.start()
    await until_up(connection)


async def test_a_server_that_hangs_is_waited_for_once(
    redis_server: RedisServer, connection: RedisConnection
) -> None:
    await until_up(connection)
    redis_server.pause()
    try:
        for _ in range(2):  # the second time over connections that are new
            results = await asyncio.gather(
                *(ask(connection) for _ in range(5)), return_exceptions=True
            )
            assert all(isinstance(result, RedisAway) for result in results)
        refuses_at_once(connection)
    finally:
        redis_server.resume()
    await until_up(connection)
    assert await ask(connection) is None


async def test_a_server_that_was_started_again_meanwhile_is_used_at_once(
    redis_server: RedisServer, connection: RedisConnection
) -> None:
    await until_up(connection)
    redis_server.kill()
    redis_server.start()
    assert await ask(connection) is None


async def test_a_wrong_password_is_said_and_never_shown(redis_server: RedisServer) -> None:
    url = f"redis://:not-it@127.0.0.1:{redis_server.port}/0"
    connection = RedisConnection(url, "installation")
    with capture_logs() as logs, pytest.raises(RedisAway, match=r"(?i)password") as raised:
        await ask(connection)
    assert logs
    assert "not-it" not in f"{logs}{raised.value}{connection.where}"
    await connection.close()


async def test_a_server_that_is_full_is_done_without() -> None:
    with run_redis(maxmemory="1") as server:  # and forgets nothing
        connection = RedisConnection(server.url, "installation")
        with capture_logs() as logs:
            for _ in range(2):
                with pytest.raises(RedisAway, match="refuses"):
                    await connection.ask("responses", lambda client: client.set("perdure:x", b"1"))
        assert len(logs) == 1
        assert await connection.is_up()
        await connection.close()


async def test_what_is_done_without_is_counted(
    redis_server: RedisServer, connection: RedisConnection
) -> None:
    redis_server.kill()
    instruments = recording.start()

    def counted() -> float:
        return sum(
            sample.value
            for family in instruments.families()
            for sample in family.samples
            if sample.name == "perdure_redis_fallbacks_total"
            and dict(sample.labels) == {"use": "responses"}
        )

    before = counted()  # of this process, whoever else was here
    try:
        with pytest.raises(RedisAway):
            await ask(connection)
        assert not await connection.is_up()  # which is done without nothing
        assert counted() == before + 1
    finally:
        recording.stop()
        redis_server.start()


async def test_over_tls(tmp_path: Path) -> None:
    with run_redis(**tls_options(tmp_path)) as server:
        trusted = RedisConnection(
            f"{server.url}?ssl_ca_certs={tmp_path / 'redis.crt'}", "installation"
        )
        assert await trusted.is_up()
        await trusted.close()
        unknown = RedisConnection(server.url, "installation")
        with pytest.raises(RedisAway, match=r"(?i)certificate"):
            await unknown.check()
        await unknown.close()


@pytest.mark.parametrize(
    "url", ["redis.example", "http://redis.example", "redis://:p/ss@host", "redis://host:port"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="redis://:password@host:6379/0"):
        Settings(redis_url=url)


def test_an_option_that_there_is_not_is_refused() -> None:
    with pytest.raises(RedisUnusable, match="is no address of Redis") as raised:
        RedisConnection("redis://:secret@127.0.0.1:1/0?db=x", "installation")
    assert "secret" not in str(raised.value)
