"""What commands work on: the installation of this machine, or a server over its HTTP API."""
