"""The publisher: open tasks, publish the sum of what was accepted."""
