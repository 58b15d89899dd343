"""The client and the commands that use it, against a real service with a real worker."""
