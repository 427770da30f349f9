"""Checks for a reader who trusts no one and runs no daemon: files, replays, sums, disputes."""
