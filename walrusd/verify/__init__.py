"""Checks for a reader who trusts nobody and runs no daemon: files, replays, sums, disputes."""
