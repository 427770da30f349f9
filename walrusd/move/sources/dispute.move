/// One case before its jury, as data: phases, jurors, and the value of the majority.
module walrusd::dispute;

use walrusd::{protocol, terms::Terms};

// === Constants ===

const WAITING: u8 = 0;
const DRAWN: u8 = 1;
const SUMMONED: u8 = 2;
const COMMITTING: u8 = 3;
const REVEALING: u8 = 4;

const SEGMENT: u8 = 1;
const ROWS: u8 = 3;
const FILE: u8 = 5;
const OPENING: u8 = 6;
const ABSENCE: u8 = 7;

const NOBODY: address = @0x0;
/// The place of an accuser that has no seat of the committee.
const NO_SEAT: u64 = 0xffff_ffff_ffff_ffff;

/// What a juror says in the place of a work chain, where it shows no replay.
const SAYS_SOUND: vector<u8> = x"0000000000000000000000000000000000000000000000000000000000000000";
const SAYS_FAULT: vector<u8> = x"0100000000000000000000000000000000000000000000000000000000000000";
const SAYS_ABSENT: vector<u8> = x"0200000000000000000000000000000000000000000000000000000000000000";

/// What a word means.
const NONE: u8 = 0;
const SOUND: u8 = 1;
const FAULT: u8 = 2;
const ABSENT: u8 = 3;

// === Structs ===

/// A juror's seat, its envelope, its commitment and its revealed value (empty until then).
public struct Juror has copy, drop, store {
    pool_index: u64,
    generation: u64,
    verifier: address,
    keys: vector<u8>,
    envelope: vector<u8>,
    commitment: vector<u8>,
    value: vector<u8>,
}

/// One case: an accusation, an audit, or the question whether an opening is absent, of which the last
/// two have no accuser. `place` is the dealt place of a segment.
public struct Dispute has copy, drop, store {
    kind: u8,
    index: u64,
    place: u64,
    round: u64,
    number: u64,
    challenge: vector<u8>,
    phase: u8,
    phase_ms: u64,
    opened_ms: u64,
    resume_state: u8,
    accuser: address,
    accuser_seat: u64,
    leaf: vector<u8>,
    beacon: vector<u8>,
    jurors: vector<Juror>,
}

// === Package Functions ===

/// A case that waits for its jury.
public(package) fun new(
    submission: address,
    kind: u8,
    index: u64,
    place: u64,
    number: u64,
    resume_state: u8,
    accuser: address,
    accuser_seat: u64,
    leaf: vector<u8>,
    now: u64,
): Dispute {
    Dispute {
        kind,
        index,
        place,
        round: 0,
        number,
        challenge: protocol::compute_challenge_id(submission, number, 0),
        phase: WAITING,
        phase_ms: now,
        opened_ms: now,
        resume_state,
        accuser,
        accuser_seat,
        leaf,
        beacon: vector[],
        jurors: vector[],
    }
}

/// Stores the beacon that picks the jury.
public(package) fun draw(self: &mut Dispute, beacon: vector<u8>, now: u64) {
    self.enter(DRAWN, now);
    self.beacon = beacon
}

/// Goes back to wait for a lot.
public(package) fun wait(self: &mut Dispute, now: u64) { self.enter(WAITING, now) }

public(package) fun add_juror(
    self: &mut Dispute,
    pool_index: u64,
    generation: u64,
    verifier: address,
    keys: vector<u8>,
) {
    self.jurors.push_back(Juror {
        pool_index,
        generation,
        verifier,
        keys,
        envelope: vector[],
        commitment: vector[],
        value: vector[],
    })
}

/// Begins the time to give every juror its envelope.
public(package) fun summon(self: &mut Dispute, now: u64) { self.enter(SUMMONED, now) }

/// Stores a juror's envelope. With the last one the jury may judge, which is returned.
public(package) fun brief(
    self: &mut Dispute,
    juror: u64,
    envelope: vector<u8>,
    now: u64,
): bool {
    let seat = &mut self.jurors[juror];
    seat.envelope = envelope;
    let mut i = 0;
    while (i < self.jurors.length()) {
        if (self.jurors[i].envelope.is_empty()) return false;
        i = i + 1;
    };
    self.enter(COMMITTING, now);
    true
}

/// Starts the second and last round with another jury: what the first revealed names another case.
public(package) fun redraw(self: &mut Dispute, submission: address, now: u64) {
    self.round = 1;
    self.challenge = protocol::compute_challenge_id(submission, self.number, 1);
    self.beacon = vector[];
    self.jurors = vector[];
    self.enter(WAITING, now)
}

/// Stores a juror's commitment; the last one starts the reveals.
public(package) fun commit(self: &mut Dispute, juror: u64, commitment: vector<u8>, now: u64) {
    let seat = &mut self.jurors[juror];
    seat.commitment = commitment;
    let mut i = 0;
    while (i < self.jurors.length()) {
        if (self.jurors[i].commitment.is_empty()) return;
        i = i + 1;
    };
    self.enter(REVEALING, now)
}

/// Stores a juror's value; the first one ends the time for commitments.
public(package) fun reveal(self: &mut Dispute, juror: u64, value: vector<u8>, now: u64) {
    if (self.phase == COMMITTING) self.enter(REVEALING, now);
    let seat = &mut self.jurors[juror];
    seat.value = value
}

/// Whether no juror can commit any more.
public(package) fun is_voting_over(self: &Dispute, terms: &Terms, now: u64): bool {
    self.phase == REVEALING || terms.is_jury_commit_over(now, self.phase_ms)
}

/// Whether a jury can be counted: who committed has revealed, or the windows have closed.
public(package) fun is_ready(self: &Dispute, terms: &Terms, now: u64): bool {
    self.is_voting_over(terms, now) && self.have_all_revealed()
        || self.is_revealing_over(terms, now, 1)
}

/// Whether a juror had its time to say what the majority's value hides.
public(package) fun is_telling_over(self: &Dispute, terms: &Terms, now: u64): bool {
    self.is_revealing_over(terms, now, 2)
}

/// The value that more than half of a jury revealed, no bytes if none: the jury are the first `size`
/// jurors, in order, that committed.
public(package) fun find_majority(self: &Dispute, size: u64): vector<u8> {
    let mut i = 0;
    let mut seated = 0;
    while (i < self.jurors.length() && seated < size) {
        if (!self.jurors[i].commitment.is_empty()) {
            seated = seated + 1;
            let value = &self.jurors[i].value;
            if (!value.is_empty() && 2 * self.count_votes(value, size) > size) return *value;
        };
        i = i + 1;
    };
    vector[]
}

/// Which jurors were silent: did not commit, or are of the jury and did not reveal.
public(package) fun list_silent(self: &Dispute, size: u64): vector<bool> {
    let mut silent = vector[];
    let mut committed = 0;
    let mut i = 0;
    while (i < self.jurors.length()) {
        let juror = &self.jurors[i];
        if (juror.commitment.is_empty()) {
            silent.push_back(true)
        } else {
            silent.push_back(committed < size && juror.value.is_empty());
            committed = committed + 1
        };
        i = i + 1;
    };
    silent
}

/// The owners of all jurors, alternates too, that revealed `value`, in order.
public(package) fun list_holders(self: &Dispute, value: &vector<u8>): vector<address> {
    let mut holders = vector[];
    let mut i = 0;
    while (i < self.jurors.length()) {
        if (&self.jurors[i].value == value) holders.push_back(self.jurors[i].verifier);
        i = i + 1;
    };
    holders
}

/// Whether chain and state root are what a value hides.
public(package) fun is_preimage(
    self: &Dispute,
    chain: vector<u8>,
    state_root: vector<u8>,
    value: &vector<u8>,
): bool {
    chain.length() == 32 && state_root.length() == 32
        && &protocol::compute_verdict(self.challenge, chain, state_root) == value
}

/// What a word means; nothing if it is none.
public(package) fun find_word(chain: &vector<u8>): u8 {
    let (sound, fault, absent) = (SAYS_SOUND, SAYS_FAULT, SAYS_ABSENT);
    if (chain == &sound) SOUND
    else if (chain == &fault) FAULT
    else if (chain == &absent) ABSENT
    else NONE
}

/// Whether somebody accuses: nobody does in an audit, or for an absent opening.
public(package) fun has_accuser(self: &Dispute): bool { self.accuser != NOBODY }

public(package) fun is_audit(self: &Dispute): bool {
    self.kind == SEGMENT && !self.has_accuser()
}

/// Whether somebody accuses on cash, without a seat.
public(package) fun is_on_cash(self: &Dispute): bool {
    self.has_accuser() && self.accuser_seat == NO_SEAT
}

public(package) fun is_about_segment(self: &Dispute): bool { self.kind == SEGMENT }

public(package) fun is_about_absence(self: &Dispute): bool { self.kind == ABSENCE }

/// Whether an accuser may claim it.
public(package) fun is_kind(kind: u8): bool { SEGMENT <= kind && kind <= OPENING }

public(package) fun segment(): u8 { SEGMENT }

public(package) fun rows(): u8 { ROWS }

public(package) fun file(): u8 { FILE }

public(package) fun opening(): u8 { OPENING }

public(package) fun absence(): u8 { ABSENCE }

public(package) fun nobody(): address { NOBODY }

public(package) fun no_seat(): u64 { NO_SEAT }

public(package) fun none(): u8 { NONE }

public(package) fun sound(): u8 { SOUND }

public(package) fun fault(): u8 { FAULT }

public(package) fun absent(): u8 { ABSENT }

public(package) fun waiting(): u8 { WAITING }

public(package) fun drawn(): u8 { DRAWN }

public(package) fun summoned(): u8 { SUMMONED }

public(package) fun committing(): u8 { COMMITTING }

public(package) fun revealing(): u8 { REVEALING }

public(package) fun index(self: &Dispute): u64 { self.index }

public(package) fun place(self: &Dispute): u64 { self.place }

public(package) fun round(self: &Dispute): u64 { self.round }

public(package) fun challenge(self: &Dispute): vector<u8> { self.challenge }

public(package) fun phase(self: &Dispute): u8 { self.phase }

public(package) fun phase_ms(self: &Dispute): u64 { self.phase_ms }

public(package) fun opened_ms(self: &Dispute): u64 { self.opened_ms }

public(package) fun resume_state(self: &Dispute): u8 { self.resume_state }

public(package) fun accuser(self: &Dispute): address { self.accuser }

public(package) fun accuser_seat(self: &Dispute): u64 { self.accuser_seat }

public(package) fun leaf(self: &Dispute): &vector<u8> { &self.leaf }

public(package) fun juror_count(self: &Dispute): u64 { self.jurors.length() }

public(package) fun juror_pool_index(self: &Dispute, i: u64): u64 { self.jurors[i].pool_index }

public(package) fun juror_generation(self: &Dispute, i: u64): u64 { self.jurors[i].generation }

public(package) fun juror_verifier(self: &Dispute, i: u64): address { self.jurors[i].verifier }

public(package) fun juror_keys(self: &Dispute, i: u64): &vector<u8> { &self.jurors[i].keys }

public(package) fun juror_commitment(self: &Dispute, i: u64): &vector<u8> {
    &self.jurors[i].commitment
}

public(package) fun is_briefed(self: &Dispute, i: u64): bool {
    !self.jurors[i].envelope.is_empty()
}

public(package) fun has_revealed(self: &Dispute, i: u64): bool {
    !self.jurors[i].value.is_empty()
}

// === Private Functions ===

fun enter(self: &mut Dispute, phase: u8, now: u64) {
    self.phase = phase;
    self.phase_ms = now
}

fun have_all_revealed(self: &Dispute): bool {
    let mut i = 0;
    while (i < self.jurors.length()) {
        let juror = &self.jurors[i];
        if (!juror.commitment.is_empty() && juror.value.is_empty()) return false;
        i = i + 1;
    };
    true
}

/// Whether so many times the window for reveals have passed.
fun is_revealing_over(self: &Dispute, terms: &Terms, now: u64, times: u64): bool {
    let commit_ms = if (self.phase == REVEALING) 0 else terms.jury_commit_ms();
    now >= self.phase_ms + commit_ms + times * terms.jury_reveal_ms()
}

fun count_votes(self: &Dispute, value: &vector<u8>, size: u64): u64 {
    let mut votes = 0;
    let mut seated = 0;
    let mut i = 0;
    while (i < self.jurors.length() && seated < size) {
        let juror = &self.jurors[i];
        if (!juror.commitment.is_empty()) {
            seated = seated + 1;
            if (&juror.value == value) votes = votes + 1
        };
        i = i + 1;
    };
    votes
}
