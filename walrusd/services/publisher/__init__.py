"""The publisher: open tasks, publish the sum of the accepted updates."""
