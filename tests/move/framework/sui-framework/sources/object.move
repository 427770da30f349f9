// Interface subset of the published framework, for compiling and testing without a network.
// Public signatures, struct layouts and natives are the framework's (a test compares them with its
// bytecode); the bodies are ours.

module sui::tx_context {
    public struct TxContext has drop { sender: address, tx_hash: vector<u8>, epoch: u64, epoch_timestamp_ms: u64, ids_created: u64 }
    public fun sender(_: &TxContext): address { native_sender() }
    public fun digest(self: &TxContext): &vector<u8> { &self.tx_hash }
    public fun epoch(_: &TxContext): u64 { native_epoch() }
    public fun epoch_timestamp_ms(_: &TxContext): u64 { native_epoch_timestamp_ms() }
    public fun fresh_object_address(_: &mut TxContext): address { fresh_id() }
    native fun native_sender(): address;
    native fun native_epoch(): u64;
    native fun native_epoch_timestamp_ms(): u64;
    native fun fresh_id(): address;
    #[test_only] native fun native_ids_created(): u64;
    #[test_only] native fun replace(sender: address, tx_hash: vector<u8>, epoch: u64, epoch_timestamp_ms: u64, ids_created: u64, rgp: u64, gas_price: u64, gas_budget: u64, sponsor: vector<address>);
    #[test_only] public fun new_for_testing(sender: address, tx_number: u64, epoch: u64, time_ms: u64): TxContext {
        let mut tx_hash = std::bcs::to_bytes(&tx_number);
        while (tx_hash.length() < 32) tx_hash.push_back(0);
        replace(sender, tx_hash, epoch, time_ms, 0, 1000, 1000, 1_000_000_000, vector[]);
        TxContext { sender, tx_hash, epoch, epoch_timestamp_ms: time_ms, ids_created: 0 }
    }
    #[test_only] public fun dummy(): TxContext { new_for_testing(@0x0, 7, 0, 0) }
}

module sui::address {
    public native fun from_bytes(bytes: vector<u8>): address;
}

module sui::object {
    use sui::tx_context::TxContext;
    public use fun id_to_address as ID.to_address;
    public use fun id_to_bytes as ID.to_bytes;
    public use fun uid_to_inner as UID.to_inner;
    public use fun uid_as_inner as UID.as_inner;
    public use fun uid_to_address as UID.to_address;
    public use fun uid_to_bytes as UID.to_bytes;
    public struct ID has copy, drop, store { bytes: address }
    public struct UID has store { id: ID }
    public fun id_to_address(id: &ID): address { id.bytes }
    public fun id_to_bytes(id: &ID): vector<u8> { std::bcs::to_bytes(&id.bytes) }
    public fun id_from_address(bytes: address): ID { ID { bytes } }
    public fun uid_as_inner(uid: &UID): &ID { &uid.id }
    public fun uid_to_inner(uid: &UID): ID { uid.id }
    public fun uid_to_bytes(uid: &UID): vector<u8> { std::bcs::to_bytes(&uid.id.bytes) }
    public fun uid_to_address(uid: &UID): address { uid.id.bytes }
    public fun new(ctx: &mut TxContext): UID { let bytes = ctx.fresh_object_address(); record_new_uid(bytes); UID { id: ID { bytes } } }
    public fun delete(id: UID) { let UID { id: ID { bytes } } = id; delete_impl(bytes) }
    public fun id<T: key>(obj: &T): ID { borrow_uid(obj).id }
    public fun id_address<T: key>(obj: &T): address { borrow_uid(obj).id.bytes }
    public(package) fun new_uid_from_hash(bytes: address): UID { record_new_uid(bytes); UID { id: ID { bytes } } }
    public(package) fun randomness_state(): UID { UID { id: ID { bytes: @0x8 } } }
    native fun borrow_uid<T: key>(obj: &T): &UID;
    native fun delete_impl(id: address);
    native fun record_new_uid(id: address);
}

module sui::transfer {
    public fun transfer<T: key>(obj: T, recipient: address) { transfer_impl(obj, recipient) }
    public fun public_transfer<T: key + store>(obj: T, recipient: address) { transfer_impl(obj, recipient) }
    public fun freeze_object<T: key>(obj: T) { freeze_object_impl(obj) }
    public fun share_object<T: key>(obj: T) { share_object_impl(obj) }
    public fun public_share_object<T: key + store>(obj: T) { share_object_impl(obj) }
    public(package) native fun freeze_object_impl<T: key>(obj: T);
    public(package) native fun share_object_impl<T: key>(obj: T);
    public(package) native fun transfer_impl<T: key>(obj: T, recipient: address);
}

module sui::event {
    public native fun emit<T: copy + drop>(event: T);
    #[test_only] public native fun num_events(): u32;
    #[test_only] public native fun events_by_type<T: copy + drop>(): vector<T>;
}
