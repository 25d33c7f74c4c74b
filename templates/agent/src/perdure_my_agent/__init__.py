"""The agent ``my-agent`` for Perdure."""
