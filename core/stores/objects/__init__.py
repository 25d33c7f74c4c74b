"""Object storage: the contents of artifacts and uploads, by digest, in a folder or a bucket."""
