"""Measurements: ratios side by side in one run, each ending with one line of JSON on stdout."""
