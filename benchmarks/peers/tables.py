"""The docs' tables of what was measured beside others, in Markdown."""

from typing import Any


def speed_table(printed: dict[str, Any]) -> str:
    """Return the table of how long goals take, from what the benchmark printed."""
    peers = printed["details"]["peers"]
    lengths = list(next(iter(peers.values()))["goal_ms"])
    heads = ["", "version", *(f"{steps} steps, ms" for steps in lengths)]
    heads += ["a step more, ms", f"{printed['details']['goals_in_flight']} in flight, goals/s"]
    rows = [
        [
            name,
            found["version"],
            *(f"{found['goal_ms'][steps]:.1f}" for steps in lengths),
            f"{found['step_ms']:.2f}",
            f"{found['goals_per_second']:.0f}",
        ]
        for name, found in peers.items()
    ]
    return table(heads, rows)


def kills_table(printed: dict[str, Any]) -> str:
    """Return the table of what kills cost, from what the benchmark printed."""
    heads = [
        "",
        "kills",
        "steps paid again",
        "went on by itself",
        "next step after, s",
        "longest, s",
    ]
    rows = []
    for name, found in printed["details"]["peers"].items():
        kill = found["kill"]
        itself = f"{kill['resumed_by_itself']} of {kill['kills']}"
        seconds = (kill["seconds_to_next_step_p50"], kill["seconds_to_next_step_max"])
        after = ["never" if value is None else f"{value:.1f}" for value in seconds]
        rows.append([name, str(kill["kills"]), str(kill["steps_paid_again"]), itself, *after])
    return table(heads, rows)


def table(heads: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown, its first column of names and the others of numbers."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
