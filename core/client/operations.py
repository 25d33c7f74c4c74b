"""Methods made of requests: each request is described once, and both clients send it.

``show = AsyncOperation(goals.show)`` in a resource is a method with the parameters of
``goals.show``: it sends the request which that function returns, and returns what came of it.
"""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

from perdure.client.connection.asynchronous import AsyncConnection
from perdure.client.connection.synchronous import Connection
from perdure.client.requests.request import Request

P = ParamSpec("P")
T = TypeVar("T")
Page = TypeVar("Page")
Item = TypeVar("Item")


class AsyncResource:
    """Part of the API, as the async client has it."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection


class Resource:
    """Part of the API, as the sync client has it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection


class AsyncOperation(Generic[P, T]):
    """A method of the async client that sends one request."""

    def __init__(self, request: Callable[P, Request[T]]) -> None:
        self.request = request
        self.__doc__ = request.__doc__

    @overload
    def __get__(self, resource: None, owner: type) -> Self: ...

    @overload
    def __get__(
        self, resource: AsyncResource, owner: type
    ) -> Callable[P, Coroutine[Any, Any, T]]: ...

    def __get__(
        self, resource: AsyncResource | None, owner: type
    ) -> Self | Callable[P, Coroutine[Any, Any, T]]:
        if resource is None:
            return self
        connection = resource._connection  # noqa: SLF001 - it is a method of the resource

        async def send(*args: P.args, **kwargs: P.kwargs) -> T:
            return await connection.send(self.request(*args, **kwargs))

        update_wrapper(send, self.request)
        return send


class Operation(Generic[P, T]):
    """A method of the sync client that sends one request."""

    def __init__(self, request: Callable[P, Request[T]]) -> None:
        self.request = request
        self.__doc__ = request.__doc__

    @overload
    def __get__(self, resource: None, owner: type) -> Self: ...

    @overload
    def __get__(self, resource: Resource, owner: type) -> Callable[P, T]: ...

    def __get__(self, resource: Resource | None, owner: type) -> Self | Callable[P, T]:
        if resource is None:
            return self
        connection = resource._connection  # noqa: SLF001 - it is a method of the resource

        def send(*args: P.args, **kwargs: P.kwargs) -> T:
            return connection.send(self.request(*args, **kwargs))

        update_wrapper(send, self.request)
        return send


@dataclass(frozen=True, slots=True)
class Listing(Generic[P, Page, Item]):
    """A list that comes in pages.

    Attributes:
        request: Requests a page of it.
        items: Returns what a page lists.
        cursor: The parameter that asks for the page after one.
        following: Returns its value for the page after this one; ``None`` when it is the last.
    """

    request: Callable[P, Request[Page]]
    items: Callable[[Page], Sequence[Item]]
    cursor: str
    following: Callable[[Page], str | int | None]

    def after(self, request: Request[Page], page: Page) -> Request[Page] | None:
        """Return the request of the page after one; ``None`` when that was the last."""
        following = self.following(page)
        if following is None:
            return None
        criteria = tuple(pair for pair in request.query if pair[0] != self.cursor)
        return replace(request, query=(*criteria, (self.cursor, str(following))))


class AsyncIteration(Generic[P, Page, Item]):
    """A method of the async client that yields all that a list has, page after page."""

    def __init__(self, listing: Listing[P, Page, Item]) -> None:
        self._listing = listing
        self.request = listing.request
        self.__doc__ = listing.request.__doc__

    @overload
    def __get__(self, resource: None, owner: type) -> Self: ...

    @overload
    def __get__(self, resource: AsyncResource, owner: type) -> Callable[P, AsyncIterator[Item]]: ...

    def __get__(
        self, resource: AsyncResource | None, owner: type
    ) -> Self | Callable[P, AsyncIterator[Item]]:
        if resource is None:
            return self
        connection = resource._connection  # noqa: SLF001 - it is a method of the resource

        async def iterate(*args: P.args, **kwargs: P.kwargs) -> AsyncIterator[Item]:
            request: Request[Page] | None = self.request(*args, **kwargs)
            while request is not None:
                page = await connection.send(request)
                for item in self._listing.items(page):
                    yield item
                request = self._listing.after(request, page)

        update_wrapper(iterate, self.request)
        return iterate


class Iteration(Generic[P, Page, Item]):
    """A method of the sync client that yields all that a list has, page after page."""

    def __init__(self, listing: Listing[P, Page, Item]) -> None:
        self._listing = listing
        self.request = listing.request
        self.__doc__ = listing.request.__doc__

    @overload
    def __get__(self, resource: None, owner: type) -> Self: ...

    @overload
    def __get__(self, resource: Resource, owner: type) -> Callable[P, Iterator[Item]]: ...

    def __get__(self, resource: Resource | None, owner: type) -> Self | Callable[P, Iterator[Item]]:
        if resource is None:
            return self
        connection = resource._connection  # noqa: SLF001 - it is a method of the resource

        def iterate(*args: P.args, **kwargs: P.kwargs) -> Iterator[Item]:
            request: Request[Page] | None = self.request(*args, **kwargs)
            while request is not None:
                page = connection.send(request)
                yield from self._listing.items(page)
                request = self._listing.after(request, page)

        update_wrapper(iterate, self.request)
        return iterate
