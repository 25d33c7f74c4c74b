"""Posts the events of goals to the URLs that their callers gave: signed CloudEvents."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from pydantic import JsonValue

from perdure.agents.steps.errors import PermanentError, TransientError
from perdure.models import Event
from perdure.models.callbacks import DueCallback
from perdure.settings import Settings
from perdure.stores import Stores, StoreUnavailable
from perdure.temporal.client.callback_urls import callback_addresses

POLL_SECONDS: Final = 1.0
# The longest that one event's post may take, and how long nobody else posts it.
_POST_SECONDS: Final = 20.0
_LEASE: Final = timedelta(seconds=120)
_FIRST_PAUSE: Final = timedelta(seconds=5)
_MAX_PAUSE: Final = timedelta(hours=1)
# After so long an event is given up.
_KEPT: Final = timedelta(days=1)
_GONE: Final = 410
_MOST_BYTES: Final = 1024 * 1024  # of an answer, which nobody reads

log = structlog.get_logger()


class NotPosted(Exception):
    """An event could not be posted.

    Attributes:
        is_gone: Whether its receiver wants no more of them.
    """

    def __init__(self, message: str, *, is_gone: bool = False) -> None:
        super().__init__(message)
        self.is_gone = is_gone


class CallbackPoster:
    """Posts events until it is cancelled; what fails is tried again with growing pauses, for a day.

    An event has one id, however often it is posted, and those of a run come in order.
    """

    def __init__(self, stores: Stores, settings: Settings) -> None:
        """Bind it to the stores.

        Args:
            stores: Where callbacks and events are.
            settings: The secret that posts are signed with, and where they may go beside public
                addresses.
        """
        self._stores = stores
        self._key = signing_key(settings.callback_secret)
        self._allowed = callback_addresses(settings)
        self._source = f"urn:perdure:installation:{stores.stores_id}"

    async def run(self) -> None:
        """Post what is due, again and again."""
        while True:
            try:
                while await self.post_due():
                    continue
            except StoreUnavailable as error:
                log.info("callbacks postponed", message=str(error))
            except Exception:
                log.exception("callbacks failed")
            await asyncio.sleep(POLL_SECONDS)

    async def post_due(self) -> int:
        """Post what is due; return of how many runs.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        due = await self._stores.callbacks.due(_LEASE)
        # What goes wrong with one is no other's business; its lease ends, and it is tried again.
        for ended in await asyncio.gather(*map(self._post_all, due), return_exceptions=True):
            if isinstance(ended, Exception):
                log.error("callback failed", exc_info=ended)
        return len(due)

    async def _post_all(self, callback: DueCallback) -> None:
        store = self._stores.callbacks
        attempts = callback.attempts
        for event in callback.events:
            try:
                async with asyncio.timeout(_POST_SECONDS):
                    await self._post(callback, event)
            except (NotPosted, TimeoutError) as error:
                if not _is_given_up(callback, event, error):
                    await store.failed(callback.workflow_id, _pause(attempts))
                    return
                if isinstance(error, NotPosted) and error.is_gone:
                    await store.remove(callback.workflow_id)
                    return
            await store.posted(callback.workflow_id, event.number)
            attempts = 0
        await store.release(callback.workflow_id)

    async def _post(self, callback: DueCallback, event: Event) -> None:
        from perdure.agents.web_client.exchange import exchange, open_client, parse_url

        body = cloud_event(callback, event, self._source, await self._summary(event))
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {
            "Content-Type": "application/cloudevents+json; charset=utf-8",
            **signature_headers(self._key, str(body["id"]), text),
        }
        try:
            url = parse_url(callback.url)
        except PermanentError as error:
            raise NotPosted(str(error).replace(callback.url, "the URL")) from None
        try:
            # It resolves the host once, connects to what it has checked, and follows no redirect.
            async with open_client(self._allowed, "") as client:
                answer = await exchange(client, "POST", url, headers, text, _MOST_BYTES)
        except (PermanentError, TransientError) as error:
            # Of the URL only the host is logged: the rest of it may be a receiver's secret.
            raise NotPosted(str(error).replace(str(url), url.host)) from None
        if not 200 <= answer.status < 300:
            raise NotPosted(
                f"{url.host} answered with status {answer.status}", is_gone=answer.status == _GONE
            )

    async def _summary(self, event: Event) -> str | None:
        """Return what a run that has ended sums its result up in; ``None`` while it goes on."""
        if not event.type.startswith("run."):
            return None
        record = await self._stores.goals.get(event.workflow_id)
        return record.result.summary if record.result else ""


def cloud_event(
    callback: DueCallback, event: Event, source: str, summary: str | None
) -> dict[str, JsonValue]:
    """Return an event as a CloudEvent 1.0, in its structured form."""
    place = f"{source}/{callback.workflow_id}/{event.number}"
    data: dict[str, JsonValue] = {
        "workflow_id": callback.workflow_id,
        "goal_id": callback.goal_id,
        "agent_type": callback.agent_type,
        "number": event.number,
        **event.data,
    }
    if summary is not None:
        data |= {"status": event.type.removeprefix("run."), "summary": summary}
    return {
        "specversion": "1.0",
        # The signature's parts are joined by dots: an id has none, and a goal's may.
        "id": f"evt_{hashlib.sha256(place.encode()).hexdigest()[:32]}",
        "source": source,
        "type": f"perdure.{event.type}",
        "subject": callback.workflow_id,
        "time": event.time.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": data,
    }


def signing_key(secret: str) -> bytes:
    """Return the key that a secret stands for: ``whsec_`` and Base64, or any text as it is."""
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except ValueError:
            return secret.encode()
    return secret.encode()


def signature_headers(key: bytes, event_id: str, body: bytes) -> Mapping[str, str]:
    """Return the headers by which a receiver knows who posted it, as Standard Webhooks has them."""
    time = str(int(datetime.now(UTC).timestamp()))
    signed = hmac.new(key, b".".join((event_id.encode(), time.encode(), body)), hashlib.sha256)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": time,
        "webhook-signature": f"v1,{base64.b64encode(signed.digest()).decode()}",
    }


def _is_given_up(callback: DueCallback, event: Event, error: Exception) -> bool:
    """Return whether an event that could not be posted is not tried again, and log it."""
    is_gone = isinstance(error, NotPosted) and error.is_gone
    given_up = is_gone or datetime.now(UTC) - event.time > _KEPT
    log.warning(
        "callback not posted",
        workflow_id=callback.workflow_id,
        event_type=event.type,
        reason=str(error) or f"no answer within {_POST_SECONDS:.0f} seconds",
        given_up=given_up,
    )
    return given_up


def _pause(attempts: int) -> timedelta:
    return min(_FIRST_PAUSE * 2.0 ** min(attempts, 16), _MAX_PAUSE)
