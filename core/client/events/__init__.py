"""The events of a run, followed over connections that may break."""
