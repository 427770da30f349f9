"""The examination of a submission: replay it, compare it with what was committed, accuse."""
