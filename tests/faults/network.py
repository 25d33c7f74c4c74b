"""A network of its own for a worker: a namespace, a pair of linked interfaces, and relays.

It is made within a user namespace, as ``unshare --map-root-user --net`` makes one, so that it takes
no rights on the machine and is gone with its processes.
"""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perdure.temporal.server.processes import start_process, stop_process
from tests.support.relay import relay_to

LOOPBACK: Final = "127.0.0.1"
HERE: Final = "10.99.0.1"
THERE: Final = "10.99.0.2"
_LINK, _OTHER_END = "perdure-here", "perdure-there"


class NoNetwork(Exception):
    """A command of the kernel's network refused; the message says what it said."""


@dataclass(frozen=True)
class Network:
    """The network between this namespace and the worker's, which can be cut.

    Attributes:
        inside: What a command line begins with whose program is to run there.
    """

    inside: tuple[str, ...]

    def addresses(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return variables in which servers here have the address that they have from there."""
        return {
            name: value.replace(LOOPBACK, HERE)
            for name, value in environment.items()
            if name in {"TEMPORAL_ADDRESS", "OPENAI_BASE_URL"}
        }

    async def cut(self) -> None:
        """Let nothing through any more: neither side is told, as with a cable that is pulled."""
        await _call("ip", "link", "set", _LINK, "down")

    async def mend(self) -> None:
        """Let everything through again."""
        await _call("ip", "link", "set", _LINK, "up")


async def enable_loopback() -> None:
    """Let the processes of this namespace, when it is new, reach each other.

    Raises:
        NoNetwork: This process may not.
    """
    await _call("ip", "link", "set", "lo", "up")


@asynccontextmanager
async def open_network(*ports: int) -> AsyncIterator[Network]:
    """Set a network up in which servers of this machine can be reached, and take it down.

    Args:
        ports: Where these servers listen, on 127.0.0.1.

    Raises:
        NoNetwork: This process is not in a namespace of its own, or may set none up.
    """
    async with AsyncExitStack() as stack:
        # It holds the namespace; what is inside goes with it.
        holder = await start_process((_path("unshare"), "--net", _path("sleep"), "infinity"))
        stack.push_async_callback(stop_process, holder, grace_seconds=0)
        inside = (_path("nsenter"), "--net", f"--target={holder.pid}")
        await _until_apart(holder.pid)
        await _call("ip", "link", "add", _LINK, "type", "veth", "peer", "name", _OTHER_END)
        await _call("ip", "link", "set", _OTHER_END, "netns", str(holder.pid))
        await _call("ip", "address", "add", f"{HERE}/24", "dev", _LINK)
        await _call("ip", "link", "set", _LINK, "up")
        for command in (
            ("ip", "link", "set", "lo", "up"),
            ("ip", "address", "add", f"{THERE}/24", "dev", _OTHER_END),
            ("ip", "link", "set", _OTHER_END, "up"),
        ):
            await _call(*inside, *command)
        for port in ports:
            await stack.enter_async_context(relay_to(port, listening=(HERE, port)))
        yield Network(inside)


async def _until_apart(pid: int) -> None:
    """Wait until a process is in a namespace of its own."""
    own = await asyncio.to_thread(_namespace, "self")
    while await asyncio.to_thread(_namespace, str(pid)) == own:  # noqa: ASYNC110 -- no event says so
        await asyncio.sleep(0.01)


def _namespace(process: str) -> str:
    return str(Path(f"/proc/{process}/ns/net").readlink())


async def _call(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(_path(command[0]), *command[1:]),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    if process.returncode != 0:
        raise NoNetwork(f"{' '.join(command)}: {told.decode().strip()}")


def _path(program: str) -> str:
    found = shutil.which(program, path=f"{sys.prefix}/bin:/usr/sbin:/sbin:/usr/bin:/bin")
    if found is None:
        raise NoNetwork(f"there is no {program}: install iproute2 and util-linux")
    return found
