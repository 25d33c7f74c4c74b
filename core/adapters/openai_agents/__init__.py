"""Any agent of the OpenAI Agents SDK as a durable agent.

Each model request is a step, and so is each call of a function tool, whichever agent makes it: the
first one, one that it hands off to, or one that is another's tool. Text is streamed to whoever
follows the goal, usage is counted, and a tool that needs approval asks for it through the run.
"""

from perdure.adapters.openai_agents.agent import durable

__all__ = ["durable"]
