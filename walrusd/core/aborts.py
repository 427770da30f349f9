"""Every abort code of the contract: module, constant name, code, and a sentence for people.

The Move constants carry the same sentences; a test compares both.
"""

from typing import NamedTuple

from walrusd.errors import MoveAborted


class ContractAbort(NamedTuple):
    """One abort code."""

    module: str
    name: str
    code: int
    sentence: str


_TABLE: dict[str, list[tuple[str, str]]] = {
    "market": [
        ("EWrongVersion", "The object or the market belongs to another package version."),
        ("EPaused", "The market is paused: no new tasks and no new joins."),
        ("EBadParams", "A market parameter is outside its limits."),
        ("EWrongMarket", "The object belongs to another market."),
        ("EWrongPool", "The object belongs to another verifier pool."),
        (
            "EBadVersion",
            "The version is already allowed, or not allowed, or the only one, or one too many.",
        ),
        ("ENotOlder", "The object does not come from an earlier version of the package."),
    ],
    "node": [
        ("EBadParams", "A pool parameter is outside its limits."),
        ("EWrongStake", "The coin does not hold what the pool asks for."),
        ("EBadDeclaration", "A seat's fee, penalty, rate or memory is outside the pool's limits."),
        ("EPoolFull", "The verifier pool has no room for another seat."),
        ("ESlotTaken", "The slot of the pool is taken."),
        ("EWrongCap", "The capability does not hold this seat."),
        ("EAlreadyExiting", "The seat is exiting already."),
        ("ENotExiting", "The seat must exit before its stake can be withdrawn."),
        ("EStillBonded", "The unbonding period of the seat is not over."),
        ("ESeatInUse", "The seat is in use."),
        ("ENotEvictable", "The seat is renewed and was not silent twice."),
        ("ELotPending", "A lot of the pool is drawn and not seated yet."),
        ("ETooFewSeats", "Too few seats are eligible now: draw again later."),
        ("EPoolBusy", "Too many of the seats that fit have no free duty: draw again later."),
    ],
    "terms": [
        (
            "EBadScheme",
            "The commitment scheme, the weights rule or the cost rule is unknown.",
        ),
        ("EBadAmount", "An amount is zero where it must not be, or above its limit."),
        ("EBadCommittee", "Committee, substitutes, segments or jury are outside their limits."),
        ("EBadWindow", "A window, or the life of the task, is outside what the market allows."),
        ("EStakeBelowJuryCost", "Half of the stake would not pay committee, juries and accuser."),
        ("EAuditTooWeak", "The audit does not outweigh the fee a lazy verifier would keep."),
        ("ELossAboveShare", "A duty could cost a seat more than the share that backs it."),
        ("ETooFewFit", "Too few live seats of the pool fit the terms."),
        ("EPoolTooSmall", "The fitting seats have too few duties for so many submissions."),
    ],
    "task": [
        ("EWrongPhase", "The task is not in the phase this action needs."),
        ("ETooEarly", "The window is still open."),
        ("ETooLate", "The window has closed."),
        ("EWrongFunds", "The coin does not hold exactly what is required."),
        ("EBadDigest", "A digest has 32 bytes."),
        ("ETooManyDatasets", "A task names between 1 and 8 approved datasets."),
        ("EWrongCap", "The capability belongs to another task."),
        ("ETooFewAccepted", "The aggregate has too few parts."),
        ("ENothingToClaim", "There is no credit for this address."),
        ("EWrongTask", "The submission belongs to another task."),
        ("EBadParts", "The aggregate may only have accepted submissions as parts."),
    ],
    "submission": [
        ("EWrongState", "The submission is not in the state this action needs."),
        ("ENotContributor", "Only the contributor may do this."),
        ("EAlreadyJoined", "This address has joined the task already."),
        ("EFull", "The task takes no more submissions."),
        ("EWrongStake", "The stake is not the amount that the task asks for."),
        ("EDatasetNotApproved", "The task does not approve this version of the dataset."),
        ("ENoGrant", "The key request does not grant this dataset for this task."),
        ("EConflict", "The publisher may not contribute to its own task."),
        ("ETooManyRows", "The dataset has too many rows for a weight."),
        ("EBadDigest", "A digest has 32 bytes and a point 48."),
        ("EBadLeafZero", "The trace does not start at the task's initial state."),
        ("EBadRows", "The number of commitment rows is zero or too large."),
        ("EBadAbort", "The plan has no such segment."),
        ("EBadCost", "The cost is opened if the task says so, and only then."),
        ("EWrongProgram", "The task has another program."),
        ("EAlreadyOpened", "The submission is opened already in this attempt."),
        ("ENotOpened", "There is no opening that a key could be for."),
        ("EBadPlace", "There is no such place."),
        ("EHasEnvelope", "The place has its envelope already."),
        ("EWrongKeys", "The keys are not those of the recipient."),
        ("ETooEarly", "The window is still open."),
        ("ENotReopened", "The opening cannot be asked for again: settle the submission."),
    ],
    "pedersen": [
        ("EBadProof", "The proof of knowledge of the cost commitment does not hold."),
        ("EBadOpening", "The cost and blinding do not open the commitment."),
        ("EBadPoint", "The bytes are not a valid group element."),
    ],
    "envelope": [
        ("EIdentity", "A point of a key, an opening or an envelope is the identity."),
        ("EKeysDiffer", "The two public keys do not have the same secret."),
        ("EBadKeyProof", "The proof of possession of a recipient's keys does not hold."),
        ("EBadOpeningProof", "The proof of the opening's secret does not hold."),
        ("EBadEnvelope", "The envelope does not hold the opening's value for this recipient."),
        ("EBadEnvelopeProof", "The proof of the envelope does not hold for these parties."),
        (
            "EBadValue",
            "The value is not the one that the opening's public key fixes for the label.",
        ),
        ("EBadLabel", "An opening has no such label."),
    ],
    "merkle": [
        ("EBadPath", "The Merkle path leads to another root."),
        ("EBadIndex", "The leaf index is outside the tree."),
    ],
    "committee": [
        ("ENoLot", "The lot of the submission is not drawn."),
        ("ELotDrawn", "The lot of the submission is drawn already."),
        ("ETooEarly", "The committee may still attest."),
    ],
    "attestation": [
        ("ENotSeated", "The capability does not hold this place of the committee."),
        ("EBadPosition", "The place was not dealt so many segments."),
        ("EAlreadyAttested", "The seat has attested this segment already."),
        ("EWrongDigest", "The work digest is not the one that the trace commits to."),
        ("EAlreadyReported", "The seat has reported the opening already."),
    ],
    "jury": [
        ("EUnsupportedKind", "This kind of case is not judged by this version."),
        ("EBadIndex", "The place was not dealt this segment, or there is no such part."),
        ("EAlreadyAccused", "This address has accused this submission already."),
        ("EWrongBond", "The bond is not the amount that the task asks for."),
        ("EConflict", "A contributor may not accuse itself."),
        ("EWrongLeaf", "The leaf is not the one that the trace commits to."),
        ("ENoDispute", "There is no dispute in the phase this action needs."),
        ("ENotJuror", "The capability does not hold this seat of the jury."),
        ("EAlreadyCommitted", "The juror has committed already."),
        ("EAlreadyRevealed", "The value was revealed already."),
        ("EBadReveal", "The revealed value does not match its commitment."),
        ("ETooEarly", "The jury may still commit or reveal."),
        ("EBadDigest", "A digest has 32 bytes."),
        ("ETooLate", "The window has closed."),
        ("ETooManyUnproved", "Too many accusations on cash were not upheld."),
        ("EBadPreimage", "Chain and state root are not what the majority's value hides."),
        (
            "EAuditPending",
            "The audit sampled a segment of this submission, and a jury must judge it first.",
        ),
    ],
    "audit": [
        (
            "ENotSelected",
            "The audit sampled no segment, or a verdict on it stands.",
        ),
        ("EWrongLeaf", "The leaf is not the one that the trace commits to."),
    ],
    "settlement": [
        ("EAlreadyEnded", "The submission has ended already."),
        ("ETooEarly", "The submission's window is still open."),
        ("EDisputed", "A jury is judging the submission."),
        ("ENothingToClaim", "There is no credit for this address."),
    ],
    "dataset": [
        ("ENotOwner", "Only the dataset's owner may do this."),
        ("EBadDigest", "A digest has 32 bytes."),
        ("EBadTitle", "A title has between 1 and 128 bytes."),
        ("ETooManyVersions", "A dataset has at most 64 versions."),
        ("ENoVersion", "The dataset has no such version."),
        ("EBadKey", "An encryption key has 32 bytes."),
        ("EBadScope", "The scope of a key request is unknown, or needs a task."),
        ("EWrongState", "The request has been answered already."),
        ("EExpired", "The request has expired."),
        ("ENotExpired", "The request has not expired yet."),
        ("EBadEnvelope", "An envelope has between 1 and 2048 bytes."),
        ("EEmpty", "A dataset version has at least one row, and rows of at least one byte."),
        ("EBadLifetime", "A request lives between one minute and thirty days."),
        ("EWrongTask", "The request is for another task."),
        ("ETaskClosed", "The task takes no more contributors."),
        ("ETaskOpen", "The task still takes contributors."),
    ],
}

ABORTS: dict[tuple[str, int], ContractAbort] = {
    (module, code): ContractAbort(module, name, code, sentence)
    for module, rows in _TABLE.items()
    for code, (name, sentence) in enumerate(rows)
}
"""Every abort by module and code."""

SENTENCES = {key: f"{abort.name}: {abort.sentence}" for key, abort in ABORTS.items()}
"""The text of an abort for people, by module and code."""

_BY_NAME = {(abort.module, abort.name): abort for abort in ABORTS.values()}


def is_abort(error: MoveAborted, module: str, *names: str) -> bool:
    """Return whether a transaction was aborted for one of some reasons of a module."""
    codes = {abort_named(module, name).code for name in names}
    return error.fields.get("module") == module and error.fields.get("abort_code") in codes


def abort_named(module: str, name: str) -> ContractAbort:
    """Return the abort ``name`` of ``module``; an unknown name is a bug of ours."""
    return _BY_NAME[module, name]
