"""Every abort code of the contract: module, constant name, code, and a sentence for people.

The Move constants carry the same sentences; a test compares both.
"""

from typing import NamedTuple


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
        ("EWrongPool", "The verifier pool is not the market's."),
        (
            "EBadVersion",
            "The version is already allowed, or not allowed, or the only one, or one too many.",
        ),
        ("ENotOlder", "The object does not come from an earlier version of the package."),
    ],
    "node": [
        ("EStakeTooSmall", "The stake is below the market's minimum for a seat."),
        ("EBadKey", "An encryption key has 32 bytes."),
        ("EPoolFull", "The verifier pool has no room for another seat."),
        ("EWrongCap", "The capability belongs to another pool."),
        ("EAlreadyExiting", "The seat is exiting already."),
        ("ENotExiting", "The seat must exit before its stake can be withdrawn."),
        ("EStillBonded", "The unbonding period of the seat is not over."),
        ("ESeatInUse", "The seat still serves on a committee or a jury."),
    ],
    "terms": [
        (
            "EBadScheme",
            "The commitment scheme, the weights rule or the cost rule is unknown.",
        ),
        ("EBadAmount", "An amount is zero where it must not be, or above its limit."),
        ("EBadCommittee", "Committee, segments or jury are outside their limits."),
        ("EBadWindow", "A window is shorter or longer than the market allows."),
        ("EStakeBelowJuryCost", "The stake or the accuser's bond would not pay a jury."),
        ("EAuditTooWeak", "The audit does not outweigh the fee a lazy verifier would keep."),
    ],
    "task": [
        ("EWrongPhase", "The task is not in the phase this action needs."),
        ("ETooEarly", "The window is still open."),
        ("ETooLate", "The window has closed."),
        ("EWrongFunds", "The coin does not hold exactly what is required."),
        ("EBadDigest", "A digest has 32 bytes."),
        ("ETooManyDatasets", "A task names between 1 and 8 approved datasets."),
        ("EWrongCap", "The capability belongs to another task."),
        ("ETooFewAccepted", "Too few submissions were accepted for a public aggregate."),
        ("ENothingToClaim", "There is no credit for this address."),
        ("EWrongTask", "The submission belongs to another task."),
    ],
    "submission": [
        ("EWrongState", "The submission is not in the state this action needs."),
        ("ENotContributor", "Only the contributor may do this."),
        ("EAlreadyJoined", "This address has joined the task already."),
        ("EFull", "The task takes no more submissions."),
        ("EWrongStake", "The stake is not the amount that the task asks for."),
        ("EDatasetNotApproved", "The task does not approve this version of the dataset."),
        ("ENoGrant", "The key request does not grant this dataset for training and verification."),
        ("EConflict", "The publisher may not contribute to its own task."),
        ("ETooManyRows", "The dataset has too many rows for a weight."),
        ("EBadDigest", "A digest has 32 bytes and a point 48."),
        ("EBadLeafZero", "The trace does not start at the task's initial state."),
        ("EBadRows", "The number of commitment rows is zero or too large."),
        ("EBadEnvelopes", "There must be one envelope for each seat of the committee."),
        ("ENotParty", "Only the contributor, the committee, the accuser or a juror may do this."),
        ("EBadAbort", "The plan has no such segment."),
        ("EBadCost", "The cost is opened if the task says so, and only then."),
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
        ("ENotDrawn", "The committee beacon of the task is not drawn yet."),
        ("EAlreadyReplaced", "Silent seats were replaced already."),
        ("ETooEarly", "The committee may still attest."),
    ],
    "attestation": [
        ("ENotSeated", "The capability does not hold this seat of the committee."),
        ("EBadPosition", "The seat was not dealt so many segments."),
        ("EAlreadyAttested", "The seat has attested this segment already."),
        ("EWrongDigest", "The work digest is not the one that the trace commits to."),
        ("EAlreadyReported", "The opening was reported and opened again already."),
    ],
    "jury": [
        ("EUnsupportedKind", "This kind of challenge is not judged by this version."),
        ("EBadIndex", "Nobody was dealt this segment, or there is no such part."),
        ("EAlreadyJudged", "A verdict on this claim stands."),
        ("EWrongBond", "The bond is not the amount that the task asks for."),
        ("EConflict", "A contributor may not challenge itself."),
        ("EWrongLeaf", "The leaf is not the one that the trace commits to."),
        ("ENoDispute", "There is no dispute in the phase this action needs."),
        ("ENotJuror", "The capability does not hold this seat of the jury."),
        ("ENotAccuser", "Only the accuser may do this."),
        ("EAlreadyCommitted", "The juror has committed already."),
        ("EAlreadyRevealed", "The value was revealed already."),
        ("EBadReveal", "The revealed value does not match its commitment."),
        ("ETooEarly", "The jury may still commit or reveal."),
        ("EBadDigest", "A digest has 32 bytes."),
        ("ETooLate", "The window for commitments has closed."),
        ("ETooManyVerdicts", "The submission has too many verdicts."),
        (
            "ENotReported",
            "Only a seat that cannot read an opening that was opened again may claim this.",
        ),
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
        ("EBadScope", "The scope of a key request is unknown."),
        ("EWrongState", "The request has been answered already."),
        ("EExpired", "The request has expired."),
        ("ENotExpired", "The request has not expired yet."),
        ("EBadEnvelope", "An envelope has between 1 and 2048 bytes."),
        ("EEmpty", "A dataset version has at least one row, and rows of at least one byte."),
        ("EBadLifetime", "A request lives between one minute and thirty days."),
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


def abort_named(module: str, name: str) -> ContractAbort:
    """Return the abort ``name`` of ``module``; an unknown name is a bug of ours."""
    return _BY_NAME[module, name]
