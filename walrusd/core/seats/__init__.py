"""The seats of a pool: who can serve which terms, and what anyone may do about dead ones."""
