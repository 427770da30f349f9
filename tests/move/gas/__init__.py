"""What each call of the contract costs at most, and how a stranger can make it cost more."""
