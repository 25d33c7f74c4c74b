"""Free ports of this machine."""

import socket
import sys
from dataclasses import dataclass
from typing import Final

LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True)
class ServerPorts:
    """The ports that a development server listens on.

    Its internal services take three more, which it chooses itself.

    Attributes:
        grpc: What clients and workers connect to.
        ui: The web UI.
        http: The HTTP API.
        metrics: Prometheus metrics, under ``/metrics``.
    """

    grpc: int
    ui: int
    http: int
    metrics: int


def choose_ports(grpc: int, ui: int) -> ServerPorts:
    """Choose four ports that are free now.

    Args:
        grpc: The port preferred for clients; 0 for any.
        ui: The port preferred for the web UI; 0 for any.
    """
    chosen = grpc if is_free(grpc) else free_port()
    return ServerPorts(
        grpc=chosen,
        ui=ui if is_free(ui) and ui != chosen else free_port(),
        http=free_port(),
        metrics=free_port(),
    )


def is_free(port: int) -> bool:
    """Return whether a server could listen on a port of the loopback address now."""
    if port == 0:
        return False
    with _listening_socket() as listener:
        try:
            listener.bind((LOOPBACK, port))
            listener.listen(1)
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a free port of the loopback address that no other program is given for a minute."""
    with _listening_socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen(1)
        port = int(listener.getsockname()[1])
        if sys.platform == "linux":
            # A connection that this side closes first stays in TIME_WAIT for 60 s, and for so long
            # the kernel gives the port to nobody who asks for any.
            with socket.create_connection((LOOPBACK, port)):
                listener.accept()[0].close()
    return port


def _listening_socket() -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # As servers do: a port that only waits out its last connections counts as free.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return listener
