/// Products of amounts in 128 bits, so that no amount within its limits can overflow.
module walrusd::math;

// === Constants ===

const BPS: u128 = 10_000;

// === Package Functions ===

/// `amount * bps / 10000`, rounded down; what the rounding leaves stays with the payer.
public(package) fun share_of(amount: u64, bps: u64): u64 {
    ((amount as u128) * (bps as u128) / BPS) as u64
}

/// `amount * part / whole`, rounded down, for a part of at most the whole.
public(package) fun part_of(amount: u64, part: u64, whole: u64): u64 {
    ((amount as u128) * (part as u128) / (whole as u128)) as u64
}

public(package) fun min(a: u64, b: u64): u64 { if (a < b) a else b }

public(package) fun max(a: u64, b: u64): u64 { if (a < b) b else a }

/// How many bits are set.
public(package) fun count_bits(mut set: u64): u64 {
    let mut count = 0;
    while (set > 0) {
        set = set & (set - 1);
        count = count + 1;
    };
    count
}

/// `2^bits - 1` for `bits` up to 64: the bit set that holds all of `bits` members.
public(package) fun full_set(bits: u64): u64 {
    if (bits == 64) 0xffff_ffff_ffff_ffff else (1 << (bits as u8)) - 1
}
