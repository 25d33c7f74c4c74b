"""The contract of agents: tests to inherit, which execute an agent in memory and check it."""
