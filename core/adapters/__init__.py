"""Agents of other libraries, made durable in a line.

``holdfast.adapters.pydantic_ai``, ``holdfast.adapters.openai_agents`` and
``holdfast.adapters.langgraph`` each have one function ``durable(…)`` that turns what their library
calls an agent into an :class:`~holdfast.agents.AgentSpec`. Semantic versioning covers those three
functions. Each needs its library: ``pip install 'holdfast[models]'``, ``'holdfast[openai-agents]'``
or ``'holdfast[langgraph]'``.
"""
