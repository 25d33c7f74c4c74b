"""What the agent can be given to do, one task a module."""
