"""Benchmarks. Each measures its reference in the same run, since machines are noisy: read the ratios."""
