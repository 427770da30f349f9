// Interface subset of the published framework, for compiling and testing without a network.
// Public signatures, struct layouts and natives are the framework's (a test compares them with its
// bytecode); the bodies are ours.

module sui::hmac { public native fun hmac_sha3_256(key: &vector<u8>, msg: &vector<u8>): vector<u8>; }

module sui::dynamic_field {
    use sui::object::{Self, UID};
    const EFieldAlreadyExists: u64 = 0;
    public struct Field<Name: copy + drop + store, Value: store> has key { id: UID, name: Name, value: Value }
    public fun add<Name: copy + drop + store, Value: store>(object: &mut UID, name: Name, value: Value) {
        let parent = object.to_address();
        let hash = hash_type_and_key(parent, name);
        assert!(!has_child_object(parent, hash), EFieldAlreadyExists);
        add_child_object(parent, Field { id: object::new_uid_from_hash(hash), name, value })
    }
    public fun borrow<Name: copy + drop + store, Value: store>(object: &UID, name: Name): &Value {
        let hash = hash_type_and_key(object.to_address(), name);
        &borrow_child_object<Field<Name, Value>>(object, hash).value
    }
    public fun borrow_mut<Name: copy + drop + store, Value: store>(object: &mut UID, name: Name): &mut Value {
        let hash = hash_type_and_key(object.to_address(), name);
        &mut borrow_child_object_mut<Field<Name, Value>>(object, hash).value
    }
    public fun remove<Name: copy + drop + store, Value: store>(object: &mut UID, name: Name): Value {
        let parent = object.to_address();
        let hash = hash_type_and_key(parent, name);
        let Field { id, name: _, value } = remove_child_object<Field<Name, Value>>(parent, hash);
        id.delete();
        value
    }
    public fun exists_<Name: copy + drop + store>(object: &UID, name: Name): bool {
        let parent = object.to_address();
        has_child_object(parent, hash_type_and_key(parent, name))
    }
    public fun exists_with_type<Name: copy + drop + store, Value: store>(object: &UID, name: Name): bool {
        let parent = object.to_address();
        has_child_object_with_ty<Field<Name, Value>>(parent, hash_type_and_key(parent, name))
    }
    public(package) native fun hash_type_and_key<K: copy + drop + store>(parent: address, k: K): address;
    public(package) native fun add_child_object<Child: key>(parent: address, child: Child);
    public(package) native fun borrow_child_object<Child: key>(object: &UID, id: address): &Child;
    public(package) native fun borrow_child_object_mut<Child: key>(object: &mut UID, id: address): &mut Child;
    public(package) native fun remove_child_object<Child: key>(parent: address, id: address): Child;
    public(package) native fun has_child_object(parent: address, id: address): bool;
    public(package) native fun has_child_object_with_ty<Child: key>(parent: address, id: address): bool;
}

module sui::versioned {
    use sui::{dynamic_field, object::{Self, UID}, tx_context::TxContext};
    public struct Versioned has key, store { id: UID, version: u64 }
    public fun create<T: store>(init_version: u64, init_value: T, ctx: &mut TxContext): Versioned {
        let mut self = Versioned { id: object::new(ctx), version: init_version };
        dynamic_field::add(&mut self.id, init_version, init_value);
        self
    }
    public fun version(self: &Versioned): u64 { self.version }
    public fun load_value<T: store>(self: &Versioned): &T { dynamic_field::borrow(&self.id, self.version) }
    public fun load_value_mut<T: store>(self: &mut Versioned): &mut T { dynamic_field::borrow_mut(&mut self.id, self.version) }
}

module sui::random {
    use sui::{hmac::hmac_sha3_256, object::UID, versioned::Versioned, tx_context::TxContext};
    #[test_only] use sui::{object, transfer, versioned};
    const EInvalidLength: u64 = 4;
    public struct Random has key { id: UID, inner: Versioned }
    public struct RandomInner has store { version: u64, epoch: u64, randomness_round: u64, random_bytes: vector<u8> }
    public struct RandomGenerator has drop { seed: vector<u8>, counter: u16, buffer: vector<u8> }
    fun load_inner(self: &Random): &RandomInner { self.inner.load_value() }
    public fun new_generator(r: &Random, ctx: &mut TxContext): RandomGenerator {
        let seed = hmac_sha3_256(&r.load_inner().random_bytes, &std::bcs::to_bytes(&ctx.fresh_object_address()));
        RandomGenerator { seed, counter: 0, buffer: vector[] }
    }
    fun derive_next_block(g: &mut RandomGenerator): vector<u8> { g.counter = g.counter + 1; hmac_sha3_256(&g.seed, &std::bcs::to_bytes(&g.counter)) }
    public fun generate_bytes(g: &mut RandomGenerator, num_of_bytes: u16): vector<u8> {
        let mut out = vector[];
        while (out.length() + 32 <= num_of_bytes as u64) { let b = derive_next_block(g); out.append(b) };
        let rest = (num_of_bytes as u64) - out.length();
        if (rest > 0) {
            if (g.buffer.length() < rest) { let b = derive_next_block(g); g.buffer.append(b) };
            let mut i = 0;
            while (i < rest) { out.push_back(g.buffer.pop_back()); i = i + 1 };
        };
        out
    }
    #[test_only] public fun create_for_testing(ctx: &mut TxContext) {
        let inner = RandomInner { version: 1, epoch: ctx.epoch(), randomness_round: 0, random_bytes: vector[] };
        transfer::share_object(Random { id: object::randomness_state(), inner: versioned::create(1, inner, ctx) })
    }
    #[test_only] public fun update_randomness_state_for_testing(self: &mut Random, new_round: u64, new_bytes: vector<u8>, _ctx: &TxContext) {
        let inner: &mut RandomInner = self.inner.load_value_mut();
        inner.randomness_round = new_round; inner.random_bytes = new_bytes;
    }
}
