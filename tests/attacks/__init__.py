"""Real daemons of which one has a malicious part; every attack must end as the design says."""
