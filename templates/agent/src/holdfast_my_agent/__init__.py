"""The agent ``my-agent`` for Holdfast."""
