"""The commands of ``perdure``, one per file; those of a group begin with the group's name."""
