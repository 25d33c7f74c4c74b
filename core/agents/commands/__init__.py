"""Commands: child processes as steps, each ended with its step, its run and its worker."""
