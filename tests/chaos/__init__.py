"""Processes are killed at every point at which they speak to AWS and at random moments; nothing may be lost by it."""
