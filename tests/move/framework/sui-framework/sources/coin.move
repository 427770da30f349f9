// Interface subset of the published framework, for compiling and testing without a network.
// Public signatures, struct layouts and natives are the framework's (a test compares them with its
// bytecode); the bodies are ours.

module sui::balance {
    const ENotEnough: u64 = 2;
    const ENonZero: u64 = 0;
    public struct Balance<phantom T> has store { value: u64 }
    public use fun sui::coin::from_balance as Balance.into_coin;
    public fun value<T>(self: &Balance<T>): u64 { self.value }
    public fun zero<T>(): Balance<T> { Balance { value: 0 } }
    public fun join<T>(self: &mut Balance<T>, balance: Balance<T>): u64 { let Balance { value } = balance; self.value = self.value + value; self.value }
    public fun split<T>(self: &mut Balance<T>, value: u64): Balance<T> { assert!(self.value >= value, ENotEnough); self.value = self.value - value; Balance { value } }
    public fun withdraw_all<T>(self: &mut Balance<T>): Balance<T> { let value = self.value; split(self, value) }
    public fun destroy_zero<T>(balance: Balance<T>) { assert!(balance.value == 0, ENonZero); let Balance { value: _ } = balance; }
    #[test_only] public fun create_for_testing<T>(value: u64): Balance<T> { Balance { value } }
    #[test_only] public fun destroy_for_testing<T>(self: Balance<T>): u64 { let Balance { value } = self; value }
}

module sui::coin {
    use sui::{balance::{Self, Balance}, object::{Self, UID}, tx_context::TxContext};
    public struct Coin<phantom T> has key, store { id: UID, balance: Balance<T> }
    public fun value<T>(self: &Coin<T>): u64 { self.balance.value() }
    public fun balance<T>(coin: &Coin<T>): &Balance<T> { &coin.balance }
    public fun balance_mut<T>(coin: &mut Coin<T>): &mut Balance<T> { &mut coin.balance }
    public fun from_balance<T>(balance: Balance<T>, ctx: &mut TxContext): Coin<T> { Coin { id: object::new(ctx), balance } }
    public fun into_balance<T>(coin: Coin<T>): Balance<T> { let Coin { id, balance } = coin; id.delete(); balance }
    public fun split<T>(self: &mut Coin<T>, split_amount: u64, ctx: &mut TxContext): Coin<T> { Coin { id: object::new(ctx), balance: self.balance.split(split_amount) } }
    public fun join<T>(self: &mut Coin<T>, c: Coin<T>) { self.balance.join(c.into_balance()); }
    public fun zero<T>(ctx: &mut TxContext): Coin<T> { Coin { id: object::new(ctx), balance: balance::zero() } }
    #[test_only] public fun mint_for_testing<T>(value: u64, ctx: &mut TxContext): Coin<T> { Coin { id: object::new(ctx), balance: balance::create_for_testing(value) } }
    #[test_only] public fun burn_for_testing<T>(coin: Coin<T>): u64 { coin.into_balance().destroy_for_testing() }
}

module sui::sui { public struct SUI has drop {} }

module sui::clock {
    use sui::object::UID;
    #[test_only] use sui::{object, tx_context::TxContext};
    public struct Clock has key { id: UID, timestamp_ms: u64 }
    public fun timestamp_ms(clock: &Clock): u64 { clock.timestamp_ms }
    #[test_only] public fun create_for_testing(ctx: &mut TxContext): Clock { Clock { id: object::new(ctx), timestamp_ms: 0 } }
    #[test_only] public fun set_for_testing(clock: &mut Clock, timestamp_ms: u64) { assert!(timestamp_ms >= clock.timestamp_ms); clock.timestamp_ms = timestamp_ms }
    #[test_only] public fun increment_for_testing(clock: &mut Clock, tick: u64) { clock.timestamp_ms = clock.timestamp_ms + tick }
    #[test_only] public fun destroy_for_testing(clock: Clock) { let Clock { id, timestamp_ms: _ } = clock; id.delete() }
}
