"""A site at one address that can be stopped and started, as when its machine restarts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from perdure.api.server import listen, serve
from perdure.models import Goal
from perdure.settings import Settings
from perdure.temporal.client.goal_service import GoalService
from perdure.web.site import create_site


class RestartableSite:
    """The API and the pages; each time it is served, it is served at the address of the first time.

    Attributes:
        service: What it serves.
        url: Its address, once it was served.
    """

    def __init__(self, service: GoalService, settings: Settings) -> None:
        self.service = service
        self.url = ""
        self._settings = settings
        self._port = 0

    @asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        """Serve it for as long as the context lasts."""
        listener = listen(self._settings.host, self._port)
        self._port = listener.getsockname()[1]
        app = create_site(self.service, self._settings)
        async with serve(app, listener, self._settings) as self.url:
            yield

    async def start(self, goal: Goal) -> str:
        """Start a goal and return the path of its page."""
        return f"/goals/{await self.service.start(goal)}"
