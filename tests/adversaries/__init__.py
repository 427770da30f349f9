"""Daemons that cheat, built from outside through the composition root. Nothing in walrusd can."""
