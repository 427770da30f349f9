"""Limits on waiting. They end a test that hangs; none of them measures how fast anything is.

A machine may be busy with sixteen other programs, so whatever waits for real work waits this long.
Where a test is about time itself, the time is virtual (``autojump_clock``, ``mock_clock``).
"""

GUARD_S = 900.0
"""Seconds that a test waits for anything."""

PLAY_S = 3000.0
"""Seconds that a whole market, or a program with a market in it, may take.

Pytest's own ``timeout`` (``pyproject.toml``) is longer than the two together.
"""
