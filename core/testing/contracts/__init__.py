"""The contract of agents: what each must keep, tried out in memory."""
