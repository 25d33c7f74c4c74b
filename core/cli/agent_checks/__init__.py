"""The checks that agents bring for ``perdure doctor``, called in a process of their own."""
