"""Who may use the API: keys, sessions, and the record of what they did."""
