"""The circuit breakers that worker processes have in common."""

import hashlib
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast

from perdure.agents.model_calls.circuit_breaker import (
    FAILURE_THRESHOLD,
    FAILURE_WINDOW,
    INITIAL_COOL_DOWN,
    MAX_COOL_DOWN,
    Admission,
    RequestOutcome,
)
from perdure.redis.connection import RedisAway, RedisConnection

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.commands.core import AsyncScript

# Of the form of a breaker: one of another version has another key.
_VERSION: Final = "1"
# A trial whose process was killed says no more; another one may then begin.
TRIAL_SECONDS: Final = 60.0

# Times are milliseconds of the server's clock, which is one for all.
_NOW: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function field(name) return tonumber(redis.call('HGET', KEYS[1], name)) end
"""
_ADMIT: Final = f"""{_NOW}
local trial, trial_time, kept = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local open_until = field('open_until')
if not open_until then return {{0, 0}} end
if now < open_until then return {{open_until - now, 0}} end
if now < (field('trial_until') or 0) then return {{1000, 0}} end
redis.call('HSET', KEYS[1], 'trial', trial, 'trial_until', now + trial_time)
redis.call('PEXPIRE', KEYS[1], kept)
return {{0, 1}}
"""
_FAIL: Final = f"""{_NOW}
local trial, threshold, window = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local initial, longest, kept = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local cool_down = field('cool_down') or initial
if trial ~= '' and redis.call('HGET', KEYS[1], 'trial') == trial then
    cool_down = math.min(longest, 2 * cool_down)
    redis.call('HSET', KEYS[1], 'open_until', now + cool_down, 'cool_down', cool_down)
    redis.call('HDEL', KEYS[1], 'trial', 'trial_until')
else
    local recent = {{}}
    for at in string.gmatch(redis.call('HGET', KEYS[1], 'failed_at') or '', '%d+') do
        if now - tonumber(at) <= window then recent[#recent + 1] = at end
    end
    recent[#recent + 1] = string.format('%.0f', now)
    if #recent > threshold then table.remove(recent, 1) end
    redis.call('HSET', KEYS[1], 'failed_at', table.concat(recent, ' '))
    if #recent >= threshold and not field('open_until') then
        redis.call('HSET', KEYS[1], 'open_until', now + cool_down)
    end
end
redis.call('PEXPIRE', KEYS[1], kept)
"""
_END_TRIAL: Final = """
if redis.call('HGET', KEYS[1], 'trial') == ARGV[1] then
    redis.call('HDEL', KEYS[1], 'trial', 'trial_until')
end
"""


class RedisBreakers:
    """One circuit breaker per provider for all processes of an installation, kept in Redis.

    Each does what :class:`~perdure.agents.model_calls.circuit_breaker.CircuitBreaker` does. One
    that is lost is closed: it opens again after as many failures.
    """

    def __init__(
        self,
        redis: RedisConnection,
        *,
        threshold: int = FAILURE_THRESHOLD,
        window: float = FAILURE_WINDOW,
        cool_down: float = INITIAL_COOL_DOWN,
        max_cool_down: float = MAX_COOL_DOWN,
        trial_seconds: float = TRIAL_SECONDS,
    ) -> None:
        """Bind them to a Redis; times are in seconds."""
        self._redis = redis
        # Longer than a breaker can be open: it then still knows that a trial comes first.
        kept = 2 * max(max_cool_down, window, trial_seconds)
        self._trial = [_milliseconds(trial_seconds), _milliseconds(kept)]
        self._failure = [
            threshold,
            *map(_milliseconds, (window, cool_down, max_cool_down, kept)),
        ]
        self._admit = redis.client.register_script(_ADMIT)
        self._fail = redis.client.register_script(_FAIL)
        self._end_trial = redis.client.register_script(_END_TRIAL)

    async def admit(self, provider: str) -> Admission | None:
        """Return whether a request may be sent; ``None`` when Redis does not say."""
        trial = secrets.token_hex(8)
        with suppress(RedisAway):
            answer = await self._run(self._admit, provider, trial, *self._trial)
            wait, is_trial = cast("list[int]", answer)
            return Admission(wait / 1000, trial if is_trial else "")
        return None

    async def report(self, provider: str, admission: Admission, outcome: RequestOutcome) -> None:
        """Take how a request that was admitted has ended."""
        with suppress(RedisAway):
            if outcome == RequestOutcome.FAILED:
                await self._run(self._fail, provider, admission.trial, *self._failure)
            elif outcome == RequestOutcome.UP:
                key = self._key(provider)
                await self._redis.ask("breakers", lambda client: client.delete(key))
            elif admission.trial:
                await self._run(self._end_trial, provider, admission.trial)

    async def _run(self, script: "AsyncScript", provider: str, *values: str | int) -> object:
        async def run(_client: "Redis") -> object:
            return await script(keys=[self._key(provider)], args=list(values))

        return await self._redis.ask("breakers", run)

    def _key(self, provider: str) -> str:
        # An address may hold what is nobody else's business.
        digest = hashlib.sha256(provider.encode()).hexdigest()
        return self._redis.key("breakers", _VERSION, digest)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
