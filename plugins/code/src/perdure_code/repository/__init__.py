"""The repository that a goal is about: its files, copies of them to work in, differences."""
