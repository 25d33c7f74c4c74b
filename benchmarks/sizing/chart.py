"""The docs' chart of what goals wait by how many there are, for installations of several sizes."""

from typing import Any

import altair as alt
import vl_convert


def chart(printed: dict[str, Any]) -> str:
    """Return the chart as SVG, from what the benchmark printed."""
    points = [
        {
            "million": point["goals_a_day"] / 1e6,
            # A logarithmic axis has no 0.
            "seconds": max(0.1, point["wait_p99_seconds"]),
            "cells": str(point["cells"]),
        }
        for point in printed["details"]["curve"]
    ]
    lines = (
        alt.Chart(alt.Data(values=points), width=560, height=260)  # type: ignore[no-untyped-call]
        .mark_line(clip=True)
        .encode(
            x=alt.X("million:Q", title="million goals a day").scale(type="log", domain=[1, 500]),
            y=alt.Y("seconds:Q", title="99 of 100 goals wait at most, s").scale(
                type="log", domain=[0.1, 3600]
            ),
            color=alt.Color("cells:N", title="cells", sort=["1", "2", "4", "8", "16"]),
        )
    )
    return vl_convert.vegalite_to_svg(lines.to_dict())
