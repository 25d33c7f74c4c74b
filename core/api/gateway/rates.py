"""How many requests a key and a tenant may send, and how many goals a tenant may start.

Where there is Redis, the API's processes count together. Without it, and while it does not answer,
each counts by itself and allows as many. What is left is said in the fields ``RateLimit`` and
``RateLimit-Policy`` (draft-ietf-httpapi-ratelimit-headers-10).
"""

import math
import time
from typing import Final

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.util import WindowStats
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perdure.api.access.principals import Principal
from perdure.api.access.quotas import GoalQuota, TooManyRequests
from perdure.api.problems.types import ProblemType
from perdure.api.routes.problems import problem
from perdure.redis.connection import RedisConnection
from perdure.redis.shared_rates import SharedRates
from perdure.settings import Settings

_UNIT: Final = {"goals": "goals", "key": "requests", "tenant": "requests"}


class RateLimits:
    """Counts the requests of each key and tenant, and the goals that each tenant starts."""

    def __init__(self, settings: Settings, redis: RedisConnection | None = None) -> None:
        """Begin to count.

        Args:
            settings: The rates.
            redis: What all of the API's processes count in.
        """
        self._policies: dict[str, RateLimitItem] = {
            name: RateLimitItemPerSecond(rate.amount, rate.seconds)
            for name, rate in (
                ("key", settings.key_rate),
                ("tenant", settings.tenant_rate),
                ("goals", settings.tenant_goals),
            )
            if rate is not None
        }
        self._own = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared = SharedRates(redis) if redis is not None else None

    async def use(self, name: str, whose: str, most: int = 1) -> int:
        """Count uses of a policy, as many as it allows, and return how many: one at least.

        Args:
            name: The policy.
            whose: Whose uses they are.
            most: How many there are.

        Raises:
            TooManyRequests: There were as many as it allows already.
        """
        policy = self._policies.get(name)
        if policy is None:
            return most
        uses = most
        if most > 1:
            uses = max(1, min(most, (await self._stats(policy, name, whose)).remaining))
        while uses:
            if await self._hit(policy, name, whose, uses):
                return uses
            uses //= 2  # others have used it meanwhile
        stats = await self._stats(policy, name, whose)
        raise TooManyRequests(
            f"this {'key' if name == 'key' else 'tenant'} may have {policy.amount}"
            f" {_UNIT[name]} in {policy.get_expiry()} seconds, and has had them: send it again"
            " after the seconds in Retry-After",
            _seconds_until(stats.reset_time),
        )

    async def fields(self, principal: Principal) -> dict[str, str]:
        """Return the header fields that say what is left to a caller; none without policies."""
        left, policies = [], []
        for name, policy in self._policies.items():
            whose = _whose(name, principal)
            if whose is None:
                continue
            stats = await self._stats(policy, name, whose)
            left.append(f'"{name}";r={stats.remaining};t={_seconds_until(stats.reset_time)}')
            policies.append(f'"{name}";q={policy.amount};w={policy.get_expiry()}')
        if not policies:
            return {}
        return {"RateLimit": ", ".join(left), "RateLimit-Policy": ", ".join(policies)}

    async def _hit(self, policy: RateLimitItem, name: str, whose: str, uses: int) -> bool:
        """Count uses, here and together with the others, and return whether both allow them."""
        if self._shared is None:
            return await self._own.hit(policy, name, whose, cost=uses)
        # What this process has counted by itself holds though Redis has forgotten it.
        if not await self._own.test(policy, name, whose, cost=uses):
            return False
        if await self._shared.hit(policy, name, whose, uses=uses) is False:
            return False
        return await self._own.hit(policy, name, whose, cost=uses)

    async def _stats(self, policy: RateLimitItem, name: str, whose: str) -> WindowStats:
        own = await self._own.get_window_stats(policy, name, whose)
        shared = None if self._shared is None else await self._shared.stats(policy, name, whose)
        if shared is None or own.remaining < shared.remaining:
            return own
        return shared

    def goal_quota(self, principal: Principal) -> GoalQuota:
        """Return what a route that starts goals asks first."""
        return _TenantGoals(self, principal.tenant)


class _TenantGoals:
    """The goals that a tenant may start; see :class:`.GoalQuota`."""

    def __init__(self, limits: RateLimits, tenant: str) -> None:
        self._limits = limits
        self._tenant = tenant

    async def take(self, most: int) -> int:
        return await self._limits.use("goals", self._tenant, most)


class RateLimitMiddleware:
    """Answers 429 to whoever has sent as many requests as they may."""

    def __init__(self, app: ASGIApp, limits: RateLimits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 -- ASGI
        principal: Principal | None = scope.get("state", {}).get("principal")
        if principal is None:
            await self._app(scope, receive, send)
            return

        async def send_with_fields(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(await self._limits.fields(principal))
            await send(message)

        try:
            for name in ("key", "tenant"):
                whose = _whose(name, principal)
                if whose is not None:
                    await self._limits.use(name, whose)
        except TooManyRequests as error:
            response = problem(ProblemType.TOO_MANY_REQUESTS, str(error))
            response.headers["Retry-After"] = str(error.retry_after)
            await response(scope, receive, send_with_fields)
            return
        scope["state"]["goal_quota"] = self._limits.goal_quota(principal)
        await self._app(scope, receive, send_with_fields)


def _whose(policy: str, principal: Principal) -> str | None:
    """Return whose requests a policy counts; people who sign in have a key's rate each."""
    if policy != "key":
        return principal.tenant
    return principal.key_id or f"{principal.tenant}/{principal.name}"


def _seconds_until(moment: float) -> int:
    return max(math.ceil(moment - time.time()), 1)
