// Interface subset of the published framework, for compiling and testing without a network.
// Public signatures, struct layouts and natives are the framework's (a test compares them with its
// bytecode); the bodies are ours.

#[defines_primitive(vector)]
module std::vector {
    const EIndexOutOfBounds: u64 = 0x20000;
    #[bytecode_instruction] public native fun empty<T>(): vector<T>;
    #[bytecode_instruction] public native fun length<T>(v: &vector<T>): u64;
    #[syntax(index), bytecode_instruction] public native fun borrow<T>(v: &vector<T>, i: u64): &T;
    #[bytecode_instruction] public native fun push_back<T>(v: &mut vector<T>, e: T);
    #[syntax(index), bytecode_instruction] public native fun borrow_mut<T>(v: &mut vector<T>, i: u64): &mut T;
    #[bytecode_instruction] public native fun pop_back<T>(v: &mut vector<T>): T;
    #[bytecode_instruction] public native fun destroy_empty<T>(v: vector<T>);
    #[bytecode_instruction] public native fun swap<T>(v: &mut vector<T>, i: u64, j: u64);
    public fun singleton<T>(e: T): vector<T> { let mut v = empty(); v.push_back(e); v }
    public fun is_empty<T>(v: &vector<T>): bool { v.length() == 0 }
    public fun reverse<T>(v: &mut vector<T>) {
        let n = v.length();
        if (n == 0) return;
        let (mut i, mut j) = (0, n - 1);
        while (i < j) { v.swap(i, j); i = i + 1; j = j - 1; };
    }
    public fun append<T>(v: &mut vector<T>, mut other: vector<T>) {
        other.reverse();
        while (!other.is_empty()) v.push_back(other.pop_back());
        other.destroy_empty();
    }
    public fun contains<T>(v: &vector<T>, e: &T): bool {
        let mut i = 0;
        while (i < v.length()) { if (&v[i] == e) return true; i = i + 1; };
        false
    }
    public fun index_of<T>(v: &vector<T>, e: &T): (bool, u64) {
        let mut i = 0;
        while (i < v.length()) { if (&v[i] == e) return (true, i); i = i + 1; };
        (false, 0)
    }
    public fun swap_remove<T>(v: &mut vector<T>, i: u64): T {
        let last = v.length() - 1;
        v.swap(i, last);
        v.pop_back()
    }
    public fun remove<T>(v: &mut vector<T>, mut i: u64): T {
        let n = v.length();
        assert!(i < n, EIndexOutOfBounds);
        while (i + 1 < n) { v.swap(i, i + 1); i = i + 1; };
        v.pop_back()
    }
}

module std::option {
    const EAlreadySet: u64 = 0x40000;
    const ENotSet: u64 = 0x40001;
    public struct Option<T> has copy, drop, store { vec: vector<T> }
    public fun none<T>(): Option<T> { Option { vec: vector[] } }
    public fun some<T>(e: T): Option<T> { Option { vec: vector[e] } }
    public fun is_none<T>(o: &Option<T>): bool { o.vec.is_empty() }
    public fun is_some<T>(o: &Option<T>): bool { !o.vec.is_empty() }
    public fun borrow<T>(o: &Option<T>): &T { assert!(o.is_some(), ENotSet); &o.vec[0] }
    public fun borrow_mut<T>(o: &mut Option<T>): &mut T { assert!(o.is_some(), ENotSet); &mut o.vec[0] }
    public fun fill<T>(o: &mut Option<T>, e: T) { assert!(o.is_none(), EAlreadySet); o.vec.push_back(e) }
    public fun extract<T>(o: &mut Option<T>): T { assert!(o.is_some(), ENotSet); o.vec.pop_back() }
    public fun destroy_some<T>(o: Option<T>): T { assert!(o.is_some(), ENotSet); let Option { mut vec } = o; let e = vec.pop_back(); vec.destroy_empty(); e }
    public fun destroy_none<T>(o: Option<T>) { assert!(o.is_none(), EAlreadySet); let Option { vec } = o; vec.destroy_empty() }
}

module std::bcs { public native fun to_bytes<MoveValue>(v: &MoveValue): vector<u8>; }

module std::hash { public native fun sha2_256(data: vector<u8>): vector<u8>; }

module std::unit_test {
    #[test_only] public native fun poison();
    #[test_only] public native fun destroy<T>(v: T);
    #[test_only] public macro fun assert_eq<$T: drop>($a: $T, $b: $T) { let (a, b) = ($a, $b); assert!(a == b) }
}
