"""Agents that have other agents work together."""
