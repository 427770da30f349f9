"""Processes, clocks, logs, and the service manager."""
