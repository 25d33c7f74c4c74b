"""The journal of runs: steps, waits, signals, approvals, delegates."""
