"""Baskets, prices and stock of a small shop."""
