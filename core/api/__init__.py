"""The HTTP API: goals, agents, health."""
