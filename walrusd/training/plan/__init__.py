"""The training plan (SPEC §0): parsed strictly, nothing left to a library's default."""
