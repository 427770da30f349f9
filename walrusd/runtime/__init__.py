"""The process around the services: clock, logs, notifications, child processes, metrics."""
