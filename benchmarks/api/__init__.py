"""The HTTP API and its pages, measured over real HTTP: ``python -m benchmarks api``."""
