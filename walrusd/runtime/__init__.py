"""What a process needs to run: clock, logs, notifications, children, metrics.

Nothing is imported here: the training child uses ``childside`` and must not load trio for it.
"""
