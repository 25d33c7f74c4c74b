"""The docs' tables of what goals cost and need, in Markdown."""

from typing import Any, Final

from benchmarks.peers.tables import table

_COSTS: Final = {
    "state transitions of Temporal": ("state_transitions", "{:.1f}"),
    "history events": ("history_events", "{:.0f}"),
    "bytes of history": ("history_bytes", "{:,.0f}"),
    "writes of the workflow's record": ("history_writes", "{:.1f}"),
    "writing transactions of the stores": ("store_writes", "{:.1f}"),
    "statements of the stores": ("store_statements", "{:.0f}"),
    "bytes in the stores": ("store_bytes", "{:,.0f}"),
    "bytes in Temporal's database, on SQLite": ("temporal_bytes", "{:,.0f}"),
    "processor time of API and worker, ms": ("processor_ms", "{:.1f}"),
}
_NEEDS: Final = {
    "goals a second, mean": ("mean_a_second", "{:,.0f}"),
    "goals a second, at the busiest": ("peak_a_second", "{:,.0f}"),
    "state transitions a second": ("state_transitions", "{:,.0f}"),
    "cores of PostgreSQL under Temporal": ("temporal_cores", "{:,.0f}"),
    "commits of the stores a second": ("store_commits", "{:,.0f}"),
    "GB the stores grow by a day": ("store_gigabytes_a_day", "{:,.0f}"),
    "cores of API and workers": ("worker_cores", "{:,.0f}"),
    "cells": ("cells", "{:d}"),
    "the busiest cell, at its busiest": ("busiest", "{:.0%}"),
    "99 of 100 goals wait at most, s": ("wait_p99_seconds", "{:.1f}"),
}


def costs_table(printed: dict[str, Any]) -> str:
    """Return the table of what a goal and a step cost, from what the benchmark printed."""
    found = printed["details"]
    rows = []
    for label, (name, form) in _COSTS.items():
        # What a step adds may be measured as a little less than nothing.
        values = [max(0.0, found[which][name]) for which in ("a_goal", "a_step")]
        rows.append([label, *(form.format(value) for value in values)])
    return table(["", "a goal", "each step"], rows)


def needs_table(printed: dict[str, Any]) -> str:
    """Return the table of what so many goals a day need."""
    needs = printed["details"]["needs"]
    heads = ["", *(f"{need['goals_a_day'] / 1e6:.0f} million a day" for need in needs)]
    rows = [
        [label, *(form.format(need[name]) for need in needs)]
        for label, (name, form) in _NEEDS.items()
    ]
    return table(heads, rows)


def cell_table(printed: dict[str, Any]) -> str:
    """Return the table of what a cell is taken for."""
    cell = printed["details"]["cell"]
    low, high = cell["state_transitions_a_core"]
    commits = cell["store_commits_a_second"]
    rows = [
        ["steps of a goal", f"{printed['details']['steps_of_a_goal']}"],
        ["state transitions a second and core (Temporal publishes)", f"{low} to {high}"],
        ["cores of PostgreSQL under Temporal", f"{cell['temporal_database_cores']}"],
        ["commits a second of the stores' PostgreSQL (taken)", f"{commits:,}"],
        ["planned load at the busiest", f"{cell['planned_at_most_busy']:.0%}"],
        ["goals a second of a full cell", f"{cell['goals_a_second']:.0f}"],
    ]
    return table(["a cell", ""], rows)
