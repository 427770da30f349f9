"""What all tests need before anything imports torch."""

import os

from walrusd.training.threads import WAITING

# Tests that compute with two threads would otherwise take ten times as long on a busy machine.
os.environ.update(WAITING)
