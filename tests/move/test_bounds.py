"""Nothing that a stranger may grow, or loop over, is without a bound, and each bound is stated.

A new vector or loop fails here until somebody has said what bounds it.
"""

import copy
import re

from walrusd.devnet.contract import FUNCTIONS
from walrusd.devnet.move.aborts import MoveAbort
from walrusd.devnet.move.signatures import PureKind

from .builder import PACKAGE
from .gas import estimates
from .growth import find_collections, find_loops, find_vectors
from .histories import is_given
from .sources import parse_structs, read_constant, read_modules

MODULES = read_modules()
STATE = {name: text for name, text in MODULES.items() if name != "events"}
LIMITS = (PACKAGE.parents[1] / "docs" / "contract.md").read_text().partition("### Limits")[2]

VECTORS = {
    "node::VerifierPool.seats": "node::MAX_SEATS",
    "task::Task.datasets": "task::MAX_DATASETS",
    "task::Task.entries": "terms::MAX_SUBMISSIONS",
    # One an owner: seats of the pool, the contributor or publisher, an accuser, cranks.
    "task::Task.credits": "node::MAX_SEATS",
    "submission::Submission.credits": "node::MAX_SEATS",
    "submission::Lot.eligible": "node::MAX_SEATS",
    "submission::Verification.committee": "terms::MAX_COMMITTEE",
    "submission::Verification.substitutes": "terms::MAX_SUBSTITUTES",
    # Each seat once and whether the opening is absent; three on cash beside.
    "submission::Submission.accusers": "terms::MAX_COMMITTEE",
    # And half as many alternates.
    "dispute::Dispute.jurors": "terms::MAX_JURY",
    "dataset::Dataset.versions": "dataset::MAX_VERSIONS",
    "market::Market.allowed_versions": "market::MAX_ALLOWED_VERSIONS",
}
"""Vectors of anything but bytes in structs, and the constant that bounds each."""

COLLECTIONS: dict[tuple[str, str], str] = {}
"""Collections beside vectors, by module and name, and why each may be there. There is none."""

LOOPS = {
    "committee::burn_silence": "submission::Verification.committee",
    "committee::give_on": "submission::Verification.committee",
    "committee::replace": "submission::Verification.committee",
    "committee::seat_committee": "terms::MAX_COMMITTEE and terms::MAX_SUBSTITUTES",
    "credit::add": "submission::Submission.credits",
    "credit::remove": "submission::Submission.credits",
    "dealing::compute_shuffled_index": "dealing::ROUNDS",
    "dealing::u64_at": "eight bytes",
    "dispute::brief": "dispute::Dispute.jurors",
    "dispute::commit": "dispute::Dispute.jurors",
    "dispute::count_votes": "dispute::Dispute.jurors",
    "dispute::find_majority": "dispute::Dispute.jurors",
    "dispute::have_all_revealed": "dispute::Dispute.jurors",
    "dispute::list_holders": "dispute::Dispute.jurors",
    "dispute::list_silent": "dispute::Dispute.jurors",
    "ending::finish": "submission::Verification.committee",
    "ending::pay_seats": "submission::Verification.committee",
    "ending::reject_judged": "submission::Verification.committee",
    "ending::reject_unopened": "submission::Verification.committee",
    "jury::count_passed_over": "terms::MAX_COMMITTEE and terms::MAX_SUBSTITUTES",
    "jury::seat_jury": "dispute::Dispute.jurors",
    "market::disallow_version": "market::Market.allowed_versions",
    "math::count_bits": "terms::MAX_SUBMISSIONS",
    "merkle::compute_root": "slots: terms::MAX_COMMITTEE and terms::MAX_SUBSTITUTES",
    "merkle::compute_root_from_path": "halvings of terms::MAX_SEGMENTS",
    "node::begin_lot": "node::VerifierPool.seats",
    "node::choose_seats": "node::MAX_TRIES",
    "node::count_fit": "node::VerifierPool.seats",
    "outcome::confirm": "submission::Verification.committee",
    "outcome::dismiss_jurors": "dispute::Dispute.jurors",
    "outcome::list_guilty": "submission::Verification.committee",
    "outcome::list_reporters": "submission::Verification.committee",
    "outcome::pay_from_loser": "dispute::Dispute.jurors",
    "outcome::refute": "dispute::Dispute.jurors",
    "pedersen::compute_challenge": "pedersen::SCALAR_BYTES",
    "pedersen::slice": "pedersen::SCALAR_BYTES",
    "protocol::compute_slot_root": "slots: terms::MAX_COMMITTEE and terms::MAX_SUBSTITUTES",
    "settlement::drop_case": "dispute::Dispute.jurors",
    "settlement::reopen": "submission::Verification.committee",
    "submission::ask_again": "submission::Verification.committee",
    "submission::can_all_read": "submission::Verification.committee",
    "submission::have_all_attested": "submission::Verification.committee",
    "submission::is_committee_member": "submission::Verification.committee",
    "submission::list_passed_over": "terms::MAX_COMMITTEE and terms::MAX_SUBSTITUTES",
    "task::approves": "task::Task.datasets",
    "task::has_joined": "task::Task.entries",
    "task::new_dataset_refs": "task::MAX_DATASETS",
    "terms::check_windows": "seven windows",
    "trace::has_attested": "terms::MAX_PER_SEAT",
}
"""Every loop, and what bounds it: a vector above, a constant, or a number."""

TOO_LONG = 3_000
"""More bytes, or items, than any argument may have."""


def test_every_vector_has_a_stated_bound():
    assert find_vectors(STATE) == set(VECTORS)
    for constant in VECTORS.values():
        bound = read_constant(constant)
        shown = {f"{bound:,}", f"2{'²⁰' if bound == 2**20 else '?'}"}
        assert any(re.search(rf"(?<!\d){re.escape(s)}(?!\d)", LIMITS) for s in shown), constant


def test_events_are_not_stored():
    for struct in parse_structs("events", MODULES["events"]):
        assert struct.abilities == {"copy", "drop"}, struct.name


def test_every_collection_has_a_stated_reason():
    assert find_collections(MODULES) == set(COLLECTIONS)


def test_every_loop_has_a_stated_bound():
    assert find_loops(MODULES) == set(LOOPS)
    for bound in LOOPS.values():
        stated = re.findall(r"\w+::[A-Z_]+\b|\w+::\w+\.\w+", bound)
        assert stated or bound in {"eight bytes", "seven windows"}
        assert all(name in VECTORS or read_constant(name) for name in stated), bound


class StuffedBazaar(estimates.MeteredBazaar):
    """Tries each call first with each of its vectors far too long, and notes what is taken."""

    def __init__(self) -> None:
        self.taken: set[tuple[str, int]] = set()
        self.tried: set[tuple[str, int]] = set()
        super().__init__()

    def call(self, target, sender, *args):
        kinds = [k for k in self.functions[target].params if not is_given(k)]
        for at, kind in enumerate(kinds):
            if isinstance(kind, PureKind) and kind.move_type.startswith("vector<"):
                self.try_stuffed(target, sender, list(args), at, kind.move_type)
        return super().call(target, sender, *args)

    def try_stuffed(self, target, sender, args, at, move_type):
        item = args[at][:1] if args[at] else {"vector<u64>": [1]}.get(move_type, [bytes(32)])
        args[at] = bytes(TOO_LONG) if move_type == "vector<u8>" else list(item) * TOO_LONG
        self.tried.add((target, at))
        kept = copy.deepcopy((self.objects, self.owners, self.events, self.steps, self.minted))
        try:
            super().call(target, sender, *args)
        except MoveAbort:
            return
        self.taken.add((target, at))
        self.objects, self.owners, self.events, self.steps, self.minted = kept


def test_no_entry_point_takes_a_vector_that_is_far_too_long():
    world = StuffedBazaar()
    estimates.estimate_all(world)
    assert world.taken == set()
    takers = {
        (f"{function.module}::{function.name}", at)
        for function in FUNCTIONS
        for at, kind in enumerate(k for k in function.params if not is_given(k))
        if isinstance(kind, PureKind) and kind.move_type.startswith("vector<")
    }
    assert world.tried == takers
