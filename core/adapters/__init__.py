"""Agents of other libraries, made durable in a line.

``perdure.adapters.pydantic_ai``, ``perdure.adapters.openai_agents`` and
``perdure.adapters.langgraph`` each have one function ``durable(…)`` that turns what their library
calls an agent into an :class:`~perdure.agents.AgentSpec`. Semantic versioning covers those three
functions. Each needs its library: ``pip install 'perdure[models]'``, ``'perdure[openai-agents]'``
or ``'perdure[langgraph]'``.
"""
