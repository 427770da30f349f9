"""Full nodes: which to ask, what they answer, when to ask another."""
