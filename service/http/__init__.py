"""The web: routes, users, problems, and everything else that knows of HTTP."""
