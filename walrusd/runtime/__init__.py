"""What a process needs to run: clock, logs, notifications, child processes, metrics."""
