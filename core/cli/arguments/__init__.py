"""What commands are given: parameters of agents, budgets, JSON."""
