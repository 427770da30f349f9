/// Half-open windows `[start, start + duration)`: the moment a window ends belongs to what follows.
module walrusd::phase;

// === Package Functions ===

/// Whether the window has closed. Exact for every duration: a sum beyond 64 bits never comes.
public(package) fun is_over(now: u64, start: u64, duration: u64): bool {
    (now as u128) >= (start as u128) + (duration as u128)
}

/// Whether a window and the one that follows it have both closed.
public(package) fun are_both_over(now: u64, start: u64, first: u64, second: u64): bool {
    (now as u128) >= (start as u128) + (first as u128) + (second as u128)
}
