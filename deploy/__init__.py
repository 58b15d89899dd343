"""How the service gets to AWS Lambda."""
