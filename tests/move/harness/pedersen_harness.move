/// Lets the sandbox call what is open to the package only. Compiled into the copy under test,
/// never published.
module walrusd::pedersen_harness;

use walrusd::pedersen;

public fun verify_proof(context: vector<u8>, commitment: vector<u8>, proof: vector<u8>) {
    pedersen::verify_proof(context, commitment, &proof)
}

public fun verify_opening(commitment: vector<u8>, cost: u64, blinding: vector<u8>) {
    pedersen::verify_opening(&commitment, cost, &blinding)
}
