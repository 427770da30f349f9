"""The contributor: stake, train, commit, open."""
