"""Lists the packages under ``core/`` by their import name, which ``pyproject.toml`` cannot do."""

from setuptools import find_packages, setup

inner = (f"perdure.{name}" for name in find_packages("core"))
setup(packages=["perdure", *inner, "perdure.templates"])
