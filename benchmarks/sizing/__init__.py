"""What goals cost a server and a database, and how large an installation has to be for them."""
