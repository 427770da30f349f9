"""Benchmarks: each ratio compares medians of the same run."""
