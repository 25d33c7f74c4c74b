"""LangGraph: a graph of one node that loops, with its checkpointer for SQLite.

``durability="sync"``, so that a step is on record before the next one starts, as with the others;
its default writes while the next step runs. The checkpointer sets WAL and nothing else. Nothing
goes on by itself: whoever knows the thread invokes it again.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph

from benchmarks.peers.served_program import Peer, Place, one_step, serve


class State(TypedDict):
    """A goal, and how many of its steps are done."""

    goal: str
    steps: int
    done: int


async def step(state: State) -> dict[str, int]:
    """Be a step."""
    await one_step(state["goal"], state["done"])
    return {"done": state["done"] + 1}


def after_step(state: State) -> str:
    """Return where to go."""
    return "step" if state["done"] < state["steps"] else END


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[Peer]:
    """Compile the graph."""
    async with AsyncSqliteSaver.from_conn_string(str(place.folder / "langgraph.sqlite")) as saver:
        graph = (
            StateGraph(State)
            .add_node("step", step)
            .add_edge(START, "step")
            .add_conditional_edges("step", after_step, ["step", END])
            .compile(checkpointer=saver)
        )

        async def invoke(goal: str, steps: int, state: State | None) -> None:
            config = {"configurable": {"thread_id": goal}, "recursion_limit": steps + 2}
            await graph.ainvoke(state, config, durability="sync")

        async def run_goal(goal: str, steps: int) -> None:
            await invoke(goal, steps, State(goal=goal, steps=steps, done=0))

        async def resume(goal: str, steps: int) -> None:
            await invoke(goal, steps, None)

        yield Peer(run_goal, resume)


if __name__ == "__main__":
    serve(opened)
