"""The requests that the client sends: each described once, as a value, for both clients."""
