/// One challenge or audit before its jury, as data: phases, jurors, and the value of the majority.
module walrusd::dispute;

use walrusd::{protocol, terms::Terms};

// === Constants ===

const WAITING: u8 = 0;
const DRAWN: u8 = 1;
const COMMITTING: u8 = 2;
const REVEALING: u8 = 3;

const SEGMENT: u8 = 1;
const UPDATE: u8 = 2;
const ROWS: u8 = 3;
const COST: u8 = 4;
const FILE: u8 = 5;
const UNAVAILABLE: u8 = 6;

const NOBODY: address = @0x0;

/// What a juror reveals, as chain and state root, to say that a claim other than about a segment
/// holds, and that the opening of an audit is kept from it. Sound work is a chain of zeros.
const FAULT: vector<u8> = x"0100000000000000000000000000000000000000000000000000000000000000";
const NO_STATE: vector<u8> = x"0000000000000000000000000000000000000000000000000000000000000000";

// === Structs ===

/// A juror's seat, its commitment, and its revealed value (empty until then).
public struct Juror has copy, drop, store {
    pool_index: u64,
    verifier: address,
    key: vector<u8>,
    commitment: vector<u8>,
    chain: vector<u8>,
    state_root: vector<u8>,
}

/// One challenge or audit before its jury. `place` is the dealt place of a segment; an audit has no
/// accuser.
public struct Dispute has copy, drop, store {
    kind: u8,
    index: u64,
    place: u64,
    round: u64,
    challenge: vector<u8>,
    phase: u8,
    phase_ms: u64,
    resume_state: u8,
    accuser: address,
    accuser_commitment: vector<u8>,
    accuser_chain: vector<u8>,
    accuser_state_root: vector<u8>,
    leaf: vector<u8>,
    beacon: vector<u8>,
    pool_len: u64,
    drawn_ms: u64,
    jurors: vector<Juror>,
}

/// A verdict that stands: no second jury for the same claim.
public struct Judged has copy, drop, store {
    kind: u8,
    index: u64,
}

// === Package Functions ===

/// A dispute that waits for its jury.
public(package) fun new(
    submission: address,
    kind: u8,
    index: u64,
    place: u64,
    resume_state: u8,
    accuser: address,
    accuser_commitment: vector<u8>,
    leaf: vector<u8>,
    now: u64,
): Dispute {
    Dispute {
        kind,
        index,
        place,
        round: 0,
        challenge: protocol::compute_challenge_id(submission, kind, index, 0),
        phase: WAITING,
        phase_ms: now,
        resume_state,
        accuser,
        accuser_commitment,
        accuser_chain: vector[],
        accuser_state_root: vector[],
        leaf,
        beacon: vector[],
        pool_len: 0,
        drawn_ms: 0,
        jurors: vector[],
    }
}

/// Stores what the jury is drawn from.
public(package) fun draw(self: &mut Dispute, beacon: vector<u8>, pool_len: u64, now: u64) {
    self.beacon = beacon;
    self.pool_len = pool_len;
    self.drawn_ms = now;
    self.enter(DRAWN, now)
}

/// Seats the jury: its commitments may come.
public(package) fun seat(self: &mut Dispute, jurors: vector<Juror>, now: u64) {
    self.jurors = jurors;
    self.enter(COMMITTING, now)
}

/// Starts the second and last round with another jury. What the accuser revealed stays.
public(package) fun redraw(self: &mut Dispute, submission: address, now: u64) {
    self.round = 1;
    self.challenge = protocol::compute_challenge_id(submission, self.kind, self.index, 1);
    self.beacon = vector[];
    self.pool_len = 0;
    self.drawn_ms = 0;
    self.jurors = vector[];
    self.enter(WAITING, now)
}

/// Stores a juror's commitment; the last one starts the reveals.
public(package) fun commit(self: &mut Dispute, juror: u64, commitment: vector<u8>, now: u64) {
    self.jurors[juror].commitment = commitment;
    let mut i = 0;
    while (i < self.jurors.length()) {
        if (self.jurors[i].commitment.is_empty()) return;
        i = i + 1;
    };
    self.enter(REVEALING, now)
}

/// Starts the reveals if the window for commitments has closed.
public(package) fun advance(self: &mut Dispute, terms: &Terms, now: u64) {
    if (self.phase == COMMITTING && terms.is_jury_commit_over(now, self.phase_ms)) {
        self.enter(REVEALING, now)
    }
}

public(package) fun reveal(
    self: &mut Dispute,
    juror: u64,
    chain: vector<u8>,
    state_root: vector<u8>,
) {
    let seat = &mut self.jurors[juror];
    seat.chain = chain;
    seat.state_root = state_root
}

public(package) fun reveal_accuser(
    self: &mut Dispute,
    chain: vector<u8>,
    state_root: vector<u8>,
) {
    self.accuser_chain = chain;
    self.accuser_state_root = state_root
}

/// Whether the jury can be counted: everybody has revealed, or the windows have closed.
public(package) fun is_ready(self: &Dispute, terms: &Terms, now: u64): bool {
    self.have_all_revealed()
        || self.phase == REVEALING && terms.is_jury_reveal_over(now, self.phase_ms)
        || self.phase == COMMITTING && terms.is_jury_over(now, self.phase_ms)
}

/// The index of a juror whose value more than half of the jury revealed; none without a majority.
public(package) fun find_majority(self: &Dispute): Option<u64> {
    let mut i = 0;
    while (i < self.jurors.length()) {
        if (self.has_revealed(i)) {
            let mut votes = 0;
            let mut j = 0;
            while (j < self.jurors.length()) {
                if (self.agrees(j, i)) votes = votes + 1;
                j = j + 1;
            };
            if (2 * votes > self.jurors.length()) return option::some(i);
        };
        i = i + 1;
    };
    option::none()
}

/// Whether juror `i` revealed the same value as juror `other`.
public(package) fun agrees(self: &Dispute, i: u64, other: u64): bool {
    self.jurors[i].chain == self.jurors[other].chain
        && self.jurors[i].state_root == self.jurors[other].state_root
}

public(package) fun accuser_agrees(self: &Dispute, juror: u64): bool {
    self.accuser_chain == self.jurors[juror].chain
        && self.accuser_state_root == self.jurors[juror].state_root
}

public(package) fun has_committed(self: &Dispute, juror: u64): bool {
    !self.jurors[juror].commitment.is_empty()
}

public(package) fun has_revealed(self: &Dispute, juror: u64): bool {
    !self.jurors[juror].chain.is_empty()
}

public(package) fun has_accuser_revealed(self: &Dispute): bool { !self.accuser_chain.is_empty() }

/// Whether `verifier` sits on this jury.
public(package) fun is_juror(self: &Dispute, verifier: address): bool {
    let mut i = 0;
    while (i < self.jurors.length()) {
        if (self.jurors[i].verifier == verifier) return true;
        i = i + 1;
    };
    false
}

public(package) fun new_juror(pool_index: u64, verifier: address, key: vector<u8>): Juror {
    Juror {
        pool_index,
        verifier,
        key,
        commitment: vector[],
        chain: vector[],
        state_root: vector[],
    }
}

public(package) fun new_judged(kind: u8, index: u64): Judged { Judged { kind, index } }

public(package) fun segment(): u8 { SEGMENT }

public(package) fun rows(): u8 { ROWS }

public(package) fun unavailable(): u8 { UNAVAILABLE }

public(package) fun nobody(): address { NOBODY }

/// Whether there is such a kind of challenge.
public(package) fun is_kind(kind: u8): bool {
    kind == SEGMENT || kind == UPDATE || kind == ROWS || kind == COST || kind == FILE
        || kind == UNAVAILABLE
}

/// Whether it is about one segment of the trace.
public(package) fun is_about_segment(self: &Dispute): bool { self.kind == SEGMENT }

/// Whether it is about an opening that nobody can read.
public(package) fun is_about_availability(self: &Dispute): bool { self.kind == UNAVAILABLE }

/// Whether nobody accused: the audit sampled a segment.
public(package) fun is_audit(self: &Dispute): bool { self.accuser == NOBODY }

/// Whether a juror revealed the word for a fault.
public(package) fun says_fault(self: &Dispute, juror: u64): bool {
    self.juror_chain(juror) == FAULT && self.juror_state_root(juror) == NO_STATE
}

/// Whether the majority found that the opening is kept from an audit. An accuser holds the key and
/// passes it on, so a jury that an accuser brought has no such word.
public(package) fun is_withheld(self: &Dispute, majority: u64): bool {
    self.is_audit() && self.says_fault(majority)
}

public(package) fun waiting(): u8 { WAITING }

public(package) fun drawn(): u8 { DRAWN }

public(package) fun committing(): u8 { COMMITTING }

public(package) fun revealing(): u8 { REVEALING }

public(package) fun kind(self: &Dispute): u8 { self.kind }

public(package) fun index(self: &Dispute): u64 { self.index }

public(package) fun place(self: &Dispute): u64 { self.place }

public(package) fun round(self: &Dispute): u64 { self.round }

public(package) fun challenge(self: &Dispute): vector<u8> { self.challenge }

public(package) fun phase(self: &Dispute): u8 { self.phase }

public(package) fun phase_ms(self: &Dispute): u64 { self.phase_ms }

public(package) fun resume_state(self: &Dispute): u8 { self.resume_state }

public(package) fun accuser(self: &Dispute): address { self.accuser }

public(package) fun accuser_commitment(self: &Dispute): vector<u8> { self.accuser_commitment }

public(package) fun leaf(self: &Dispute): vector<u8> { self.leaf }

public(package) fun beacon(self: &Dispute): vector<u8> { self.beacon }

public(package) fun pool_len(self: &Dispute): u64 { self.pool_len }

public(package) fun drawn_ms(self: &Dispute): u64 { self.drawn_ms }

public(package) fun juror_count(self: &Dispute): u64 { self.jurors.length() }

public(package) fun juror_pool_index(self: &Dispute, i: u64): u64 { self.jurors[i].pool_index }

public(package) fun juror_verifier(self: &Dispute, i: u64): address { self.jurors[i].verifier }

public(package) fun juror_commitment(self: &Dispute, i: u64): vector<u8> {
    self.jurors[i].commitment
}

public(package) fun juror_chain(self: &Dispute, i: u64): vector<u8> { self.jurors[i].chain }

public(package) fun juror_state_root(self: &Dispute, i: u64): vector<u8> {
    self.jurors[i].state_root
}

// === Private Functions ===

fun enter(self: &mut Dispute, phase: u8, now: u64) {
    self.phase = phase;
    self.phase_ms = now
}

fun have_all_revealed(self: &Dispute): bool {
    let mut i = 0;
    while (i < self.jurors.length()) {
        if (!self.has_revealed(i)) return false;
        i = i + 1;
    };
    self.is_audit() || self.has_accuser_revealed()
}
