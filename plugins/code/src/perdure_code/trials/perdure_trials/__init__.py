"""The program that runs a repository's tests: traced, and again for each changed source.

It is started by the repository's own Python, which has pytest and knows nothing of Perdure: its
modules import the standard library and pytest alone, and run on Python 3.8 and later.
"""
