"""Any compiled LangGraph graph as a durable agent.

The graph's checkpoints are in the run's journal, so a node that has finished is not executed again.
Within a node each request to a chat model is a step, and so is each call of a tool: a node that was
cut off gets the answers it had. Text is streamed to whoever follows the goal, usage is counted, and
an interrupt asks people through the run, which holds no worker meanwhile.
"""

from perdure.adapters.langgraph.agent import InterruptHandler, PerdureChat, durable

__all__ = ["InterruptHandler", "PerdureChat", "durable"]
