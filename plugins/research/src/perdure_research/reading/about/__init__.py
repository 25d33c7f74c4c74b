"""What is known of a source beside its text: its title, its date, its kind."""
