"""Slots: which goals may run, where so many at once and no more may, and which wait for that."""
