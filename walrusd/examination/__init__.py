"""The examination of a submission: replay, comparison with the commitments, judgement."""
