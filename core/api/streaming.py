"""Responses that are streamed."""

from collections.abc import AsyncIterator


async def streamed(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Return an iterator of the same chunks, of which the first is there.

    Before a response begins: what is wrong from the start is an error then, with a status.
    """
    first = await anext(chunks, b"")

    async def all_chunks() -> AsyncIterator[bytes]:
        yield first
        async for chunk in chunks:
            yield chunk

    return all_chunks()
