"""How long runs are kept: holds, deletion, and what is due by its age."""
