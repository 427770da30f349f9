// Interface subset of the published framework, for compiling and testing without a network.
// Public signatures, struct layouts and natives are the framework's (a test compares them with its
// bytecode); the bodies are ours.

module sui::vec_map {
    use std::option::{Self, Option};
    const EKeyAlreadyExists: u64 = 0;
    const EKeyDoesNotExist: u64 = 1;
    const EIndexOutOfBounds: u64 = 3;
    public struct VecMap<K: copy, V> has copy, drop, store { contents: vector<Entry<K, V>> }
    public struct Entry<K: copy, V> has copy, drop, store { key: K, value: V }
    public fun empty<K: copy, V>(): VecMap<K, V> { VecMap { contents: vector[] } }
    public fun insert<K: copy, V>(self: &mut VecMap<K, V>, key: K, value: V) { assert!(!self.contains(&key), EKeyAlreadyExists); self.contents.push_back(Entry { key, value }) }
    public fun remove<K: copy, V>(self: &mut VecMap<K, V>, key: &K): (K, V) { let i = self.get_idx(key); let Entry { key, value } = self.contents.remove(i); (key, value) }
    #[syntax(index)] public fun get_mut<K: copy, V>(self: &mut VecMap<K, V>, key: &K): &mut V { let i = self.get_idx(key); &mut self.contents[i].value }
    #[syntax(index)] public fun get<K: copy, V>(self: &VecMap<K, V>, key: &K): &V { let i = self.get_idx(key); &self.contents[i].value }
    public fun contains<K: copy, V>(self: &VecMap<K, V>, key: &K): bool { get_idx_opt(self, key).is_some() }
    public fun length<K: copy, V>(self: &VecMap<K, V>): u64 { self.contents.length() }
    public fun is_empty<K: copy, V>(self: &VecMap<K, V>): bool { self.contents.is_empty() }
    public fun get_idx_opt<K: copy, V>(self: &VecMap<K, V>, key: &K): Option<u64> {
        let mut i = 0;
        while (i < self.contents.length()) { if (&self.contents[i].key == key) return option::some(i); i = i + 1; };
        option::none()
    }
    public fun get_idx<K: copy, V>(self: &VecMap<K, V>, key: &K): u64 { let i = self.get_idx_opt(key); assert!(i.is_some(), EKeyDoesNotExist); i.destroy_some() }
    public fun get_entry_by_idx<K: copy, V>(self: &VecMap<K, V>, idx: u64): (&K, &V) { assert!(idx < self.contents.length(), EIndexOutOfBounds); let e = &self.contents[idx]; (&e.key, &e.value) }
}

#[test_only]
module sui::test_scenario {
    use std::option::Option;
    use sui::{object::{Self, ID}, transfer, tx_context::{Self, TxContext}, vec_map::VecMap};
    const EEmptyInventory: u64 = 3;
    const ECantReturnObject: u64 = 2;
    public struct Scenario { txn_number: u64, ctx: TxContext }
    public struct TransactionEffects has drop { created: vector<ID>, written: vector<ID>, deleted: vector<ID>, transferred_to_account: VecMap<ID, address>, transferred_to_object: VecMap<ID, ID>, shared: vector<ID>, frozen: vector<ID>, num_user_events: u64 }
    public fun begin(sender: address): Scenario { Scenario { txn_number: 0, ctx: tx_context::new_for_testing(sender, 0, 0, 0) } }
    public fun next_tx(s: &mut Scenario, sender: address): TransactionEffects {
        s.txn_number = s.txn_number + 1;
        let (epoch, time) = (s.ctx.epoch(), s.ctx.epoch_timestamp_ms());
        let effects = end_transaction();
        s.ctx = tx_context::new_for_testing(sender, s.txn_number, epoch, time);
        effects
    }
    public fun end(s: Scenario): TransactionEffects { let Scenario { txn_number: _, ctx: _ } = s; end_transaction() }
    public fun ctx(s: &mut Scenario): &mut TxContext { &mut s.ctx }
    public fun sender(s: &Scenario): address { s.ctx.sender() }
    public fun num_user_events(e: &TransactionEffects): u64 { e.num_user_events }
    public fun created(e: &TransactionEffects): vector<ID> { e.created }
    public native fun take_from_address_by_id<T: key>(scenario: &Scenario, account: address, id: ID): T;
    public native fun most_recent_id_for_address<T: key>(account: address): Option<ID>;
    public native fun ids_for_address<T: key>(account: address): vector<ID>;
    public native fun was_taken_from_address(account: address, id: ID): bool;
    public native fun take_shared_by_id<T: key>(scenario: &Scenario, id: ID): T;
    public native fun most_recent_id_shared<T: key>(): Option<ID>;
    native fun was_taken_shared(id: ID): bool;
    native fun end_transaction(): TransactionEffects;
    public fun take_from_address<T: key>(s: &Scenario, account: address): T {
        let id = most_recent_id_for_address<T>(account);
        assert!(id.is_some(), EEmptyInventory);
        take_from_address_by_id(s, account, id.destroy_some())
    }
    public fun return_to_address<T: key>(account: address, t: T) { assert!(was_taken_from_address(account, object::id(&t)), ECantReturnObject); transfer::transfer_impl(t, account) }
    public fun take_from_sender<T: key>(s: &Scenario): T { take_from_address(s, s.sender()) }
    public fun return_to_sender<T: key>(s: &Scenario, t: T) { return_to_address(s.sender(), t) }
    public fun take_shared<T: key>(s: &Scenario): T {
        let id = most_recent_id_shared<T>();
        assert!(id.is_some(), EEmptyInventory);
        take_shared_by_id(s, id.destroy_some())
    }
    public fun return_shared<T: key>(t: T) { assert!(was_taken_shared(object::id(&t)), ECantReturnObject); transfer::share_object_impl(t) }
}
