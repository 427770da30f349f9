"""What anybody may do so that no task stands still: draws, deadlines, claims."""
