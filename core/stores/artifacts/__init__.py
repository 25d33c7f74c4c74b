"""The files that runs make, stored by their digest."""
