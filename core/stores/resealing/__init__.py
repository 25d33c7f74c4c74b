"""Under which keys rows and objects are sealed, and sealing them anew with the newest."""
