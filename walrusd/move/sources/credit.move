/// Amounts that somebody may claim, and amounts that nobody will. Payments are never pushed: nobody
/// can block a settlement.
module walrusd::credit;

use sui::{balance::Balance, sui::SUI};
use walrusd::market;

// === Structs ===

/// An amount that its owner may claim.
public struct Credit has copy, drop, store {
    owner: address,
    amount: u64,
}

// === Package Functions ===

/// Adds `amount` to what `owner` may claim; an amount of 0 changes nothing.
public(package) fun add(credits: &mut vector<Credit>, owner: address, amount: u64) {
    if (amount == 0) return;
    let mut i = 0;
    while (i < credits.length()) {
        if (credits[i].owner == owner) {
            let credit = &mut credits[i];
            credit.amount = credit.amount + amount;
            return
        };
        i = i + 1;
    };
    credits.push_back(Credit { owner, amount })
}

/// Removes what `owner` may claim and returns it: 0 if there is nothing.
public(package) fun remove(credits: &mut vector<Credit>, owner: address): u64 {
    let mut i = 0;
    while (i < credits.length()) {
        if (credits[i].owner == owner) {
            let Credit { owner: _, amount } = credits.remove(i);
            return amount
        };
        i = i + 1;
    };
    0
}

/// Takes `amount` out of circulation and returns how much that was.
public(package) fun burn(amount: Balance<SUI>, ctx: &mut TxContext): u64 {
    let value = amount.value();
    if (value == 0) {
        amount.destroy_zero()
    } else {
        transfer::public_transfer(amount.into_coin(ctx), market::burn_address())
    };
    value
}

// === Test Functions ===

#[test_only]
/// What `owner` may claim.
public fun amount_of(credits: &vector<Credit>, owner: address): u64 {
    let mut i = 0;
    while (i < credits.length()) {
        if (credits[i].owner == owner) return credits[i].amount;
        i = i + 1;
    };
    0
}
