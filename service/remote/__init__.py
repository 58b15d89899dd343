"""What `service.client` is made of. Nothing here knows how the service does what it does; only its HTTP."""
