"""Lists the packages under ``core/`` by their import name, which ``pyproject.toml`` cannot do."""

from setuptools import find_packages, setup

setup(packages=["holdfast", *(f"holdfast.{name}" for name in find_packages("core"))])
