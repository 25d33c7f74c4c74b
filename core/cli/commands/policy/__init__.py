"""``perdure policy``: checks of the rules that agents act by, before they are in force."""
