"""How many goals a tenant may start, as it holds for those that its schedules start."""

from datetime import UTC, datetime, timedelta
from typing import Final

from limits import RateLimitItemPerSecond
from temporalio.exceptions import ApplicationError

from perdure.redis.shared_rates import SharedRates
from perdure.settings import Rate
from perdure.stores import Stores

# As the API calls it, which counts what is handed in.
_POLICY: Final = "goals"
_TURN: Final = timedelta(seconds=5)


class GoalRate:
    """Counts the goals that schedules start: with Redis together with those that are handed in.

    Without it, and while it does not answer, it goes by the goals on record, whoever started them.
    """

    def __init__(self, stores: Stores, rate: Rate | None) -> None:
        """Begin to count.

        Args:
            stores: The goals on record, and Redis where there is one.
            rate: How many goals all of a tenant may start; ``None`` for any number.
        """
        self._stores = stores
        self._rate = rate
        self._shared = None
        if rate is not None and stores.redis is not None:
            self._shared = SharedRates(stores.redis)

    async def take(self, tenant: str) -> None:
        """Count a goal that is about to be started.

        Raises:
            ApplicationError: The tenant has started as many as it may: it is to be asked again.
            StoreUnavailable: The goals on record cannot be counted.
        """
        if self._rate is not None and not await self._allows(tenant, self._rate):
            raise ApplicationError(
                f"tenant {tenant} may start {self._rate.amount} goals in {self._rate.seconds}"
                " seconds, and has had them: the schedule's goal waits its turn",
                type="TooManyGoals",
                next_retry_delay=_TURN,
            )

    async def _allows(self, tenant: str, rate: Rate) -> bool:
        if self._shared is not None:
            item = RateLimitItemPerSecond(rate.amount, rate.seconds)
            allowed = await self._shared.hit(item, _POLICY, tenant)
            if allowed is not None:
                return allowed
        since = datetime.now(UTC) - timedelta(seconds=rate.seconds)
        goals = self._stores.of(tenant).goals
        return sum((await goals.counts(since=since, delegated=False)).values()) < rate.amount
