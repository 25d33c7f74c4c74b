"""The worker, the pool, recovery, housekeeping and watchdogs."""
