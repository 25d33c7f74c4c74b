"""``python -m benchmarks NAME [SIZE…]``: run a benchmark and print its verdict."""

import sys
from collections.abc import Callable

from benchmarks import (
    agents,
    audit,
    batch,
    cluster,
    fairness,
    history,
    journal,
    observability,
    overhead,
    plugins,
    postgresql,
    recovery,
    startup,
    stream,
    waste,
)
from benchmarks.api import measure
from benchmarks.growth import measure as growth
from benchmarks.peers import measure as peers
from benchmarks.scale import measure as scale
from benchmarks.scale import waiting
from benchmarks.sizing import measure as sizing

BENCHMARKS: dict[str, Callable[..., bool]] = {
    "agents": agents.main,
    "api": measure.main,
    "audit": audit.main,
    "batch": batch.main,
    "cluster": cluster.main,
    "fairness": fairness.main,
    "growth": growth.main,
    "history": history.main,
    "journal": journal.main,
    "observability": observability.main,
    "overhead": overhead.main,
    "peers": peers.main,
    "plugins": plugins.main,
    "postgresql": postgresql.main,
    "recovery": recovery.main,
    "scale": scale.main,
    "sizing": sizing.main,
    "startup": startup.main,
    "stream": stream.main,
    "waiting": waiting.main,
    "waste": waste.main,
}


def main() -> None:
    """Run the benchmark that the command line names; status 1 when a target is missed."""
    name, *sizes = sys.argv[1:] or [""]
    if name not in BENCHMARKS:
        sys.stderr.write(f"usage: python -m benchmarks {{{','.join(BENCHMARKS)}}}\n")
        sys.exit(2)
    sys.exit(0 if BENCHMARKS[name](*sizes) else 1)


if __name__ == "__main__":
    main()
