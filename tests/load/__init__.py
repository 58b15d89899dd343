"""Benchmarks; not part of the tests, as what they print depends on the machine."""
