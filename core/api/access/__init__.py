"""Who may do what over HTTP: principals, their authentication, what a route requires."""
