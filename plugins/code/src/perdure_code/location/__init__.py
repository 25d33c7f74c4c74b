"""Where the fault is: the lines ranked by what failing and passing tests execute."""
