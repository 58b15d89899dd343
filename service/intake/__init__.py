"""Bytes in, an accepted upload or a refusal out. Nothing here knows HTTP or AWS."""
