"""Writes what a request did, or was refused, into the audit table before it is answered."""

from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perdure.api.access.audited import AuditedAction, entry_of
from perdure.stores import StoreUnavailable
from perdure.temporal.client.goal_service import GoalService

log = structlog.get_logger()

_ERROR: Final = 500


class AuditMiddleware:
    """Appends the action that a route declared, with the status that it came to."""

    def __init__(self, app: ASGIApp, service: GoalService) -> None:
        self._app = app
        self._audit = service.stores.access.audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 -- ASGI
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_when_recorded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                await self._record(scope, message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_when_recorded)
        except Exception:
            if not started:
                await self._record(scope, _ERROR)
            raise

    async def _record(self, scope: Scope, status: int) -> None:
        action: AuditedAction | None = scope["state"].get("audited")
        if action is None or (action.pending is not None and action.pending.is_stored_as(status)):
            return
        entry = entry_of(scope, action, status)
        try:
            await self._audit.append(entry)
        except StoreUnavailable as error:
            # What was done is done: to answer with an error would have it done again.
            message = {"error": str(error), "entry": entry.model_dump_json()}
            log.warning("not in the audit table", **message)
