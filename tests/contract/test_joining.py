"""Joining a task, and committing to its work."""

import hashlib

import pytest

from walrusd.chain.layouts import events
from walrusd.core.lifecycle import KeyScope, SubmissionState
from walrusd.crypto.pedersen.g1 import IDENTITY_BYTES, Q, encode_scalar
from walrusd.crypto.pedersen.pedersen import prove_opening
from walrusd.devnet.move.aborts import MoveAbort

from .early import CONTRIBUTORS, JURORS, NOBODY, TERMS, TIP, EarlyBazaar, terms_with
from .work import BLINDING, COST, Work
from .world import CHAIN_ID, PACKAGE, aborts, address, digest

FIRST, SECOND = CONTRIBUTORS[:2]


# --- join -----------------------------------------------------------------------------------------


def test_joining_pins_the_dataset_and_sets_money_aside():
    m = EarlyBazaar()
    m.open_task()
    before = m.task.funds
    submission = m.join(FIRST)
    aside = TERMS.reward + 3 * TERMS.verifier_fee + 2 * JURORS * TERMS.juror_fee + 6 * TIP
    assert (submission.stake, submission.escrow) == (TERMS.stake, aside)
    assert m.task.funds == before - aside
    assert (submission.market, submission.pool) == (m.market.id, m.pool.id)
    assert (submission.attempt, submission.cases, submission.accusers) == (1, 0, [])
    assert (submission.number, submission.state) == (0, SubmissionState.JOINED)
    version = m.dataset.versions[0]
    assert submission.dataset_owner == address("owner")
    assert submission.dataset_root == version.row_root
    assert submission.dataset_key_check == version.key_check
    assert (submission.dataset_rows, submission.dataset_blob) == (version.rows, version.blob)
    assert (submission.weight, submission.ctx) == (1, b"")
    assert [e.contributor for e in m.task.entries] == [address(FIRST)]
    assert m.join(SECOND).number == 1


def test_joins_at_the_wrong_time():
    m = EarlyBazaar()
    m.open_task()
    m.join(FIRST)
    request = m.grant(m.request(SECOND))
    m.advance(TERMS.join_ms)
    with aborts("task.ETooLate"):
        m.join(SECOND, request=request)
    m.close_joining()
    with aborts("task.EWrongPhase"):
        m.join(SECOND, request=request)


def test_joins_that_are_refused():
    m = EarlyBazaar()
    m.open_task(terms=terms_with(max_submissions=1))
    with aborts("submission.EConflict"):
        m.join("publisher")
    with aborts("submission.EWrongProgram"):
        m.join(FIRST, program_root=digest("another program"))
    for stake in (TERMS.stake - 1, TERMS.stake + 1):
        with aborts("submission.EWrongStake"):
            m.join(FIRST, stake=stake)
    m.join(FIRST)
    with aborts("submission.EFull"):
        m.join(SECOND)
    m.open_task()
    m.join(FIRST)
    with aborts("submission.EAlreadyJoined"):
        m.join(FIRST)


def test_a_grant_must_be_for_this_person_dataset_use_and_task():
    m = EarlyBazaar()
    m.open_task()
    of_another_task = m.grant(m.request(FIRST))
    m.open_task()
    refused = [
        of_another_task,
        m.request(FIRST),
        m.grant(m.request(FIRST, scope=KeyScope.TRAIN)),
        m.grant(m.request(FIRST, scope=KeyScope.TRAIN, task=NOBODY)),
        m.grant(m.request(SECOND)),
        m.grant(m.request(FIRST, dataset=m.list_dataset())),
    ]
    for request in refused:
        with aborts("submission.ENoGrant"):
            m.join(FIRST, request=request)


def test_only_approved_versions_count():
    m = EarlyBazaar()
    other = m.list_dataset()
    m.open_task(datasets=[m.dataset.id, m.dataset.id], numbers=[1, 5])
    with aborts("submission.EDatasetNotApproved"):
        m.join(FIRST, request=m.grant(m.request(FIRST, dataset=other)), dataset=other)
    request = m.grant(m.request(FIRST))
    request.number = 5
    with aborts("dataset.ENoVersion"):
        m.join(FIRST, request=request)


def test_too_many_rows_for_a_weight():
    m = EarlyBazaar()
    m.dataset = m.list_dataset(rows=2**16 + 1)
    m.open_task()
    assert m.join(FIRST).weight == 1
    m.open_task(terms=terms_with(weights_rule=1))
    with aborts("submission.ETooManyRows"):
        m.join(FIRST)
    m.dataset = m.list_dataset(rows=2**16)
    m.open_task(terms=terms_with(weights_rule=1))
    assert m.join(FIRST).weight == 2**16


def test_the_context_is_the_hash_of_the_protocol():
    m = EarlyBazaar()
    (submission,) = m.trained(1)

    def tagged(tag, *fields):
        text = b"WALRUSD-V02-" + tag
        return hashlib.sha256(bytes([len(text)]) + text + b"".join(fields)).digest()

    def sized(raw):
        return bytes([len(raw)]) + raw

    task, me = bytes.fromhex(m.task.id[2:]), bytes.fromhex(submission.contributor[2:])
    package = bytes.fromhex(PACKAGE[2:])
    seed = tagged(b"SEED", task, me, sized(m.task.join_beacon))
    bound = map(sized, (seed, m.task.plan_digest, submission.dataset_root))
    expected = tagged(b"CTX", sized(CHAIN_ID), package, task, me, *bound)
    assert submission.ctx == expected
    assert m.last(events.SubmissionCommitted).ctx == expected


# --- commit ---------------------------------------------------------------------------------------


def test_committing_fixes_the_work():
    m = EarlyBazaar()
    submission, _ = m.training(2)
    m.commit(submission)
    assert submission.state == SubmissionState.COMMITTED
    assert submission.commitment.trace_root == m.works[submission.id].tree.root
    assert m.task.committed == 1
    with aborts("submission.EWrongState"):
        m.commit(submission)


def test_commits_by_others_or_at_the_wrong_time():
    m = EarlyBazaar()
    (early,) = m.joined(1)
    with aborts("task.EWrongPhase"):
        m.commit(early)
    m.advance(TERMS.join_ms)
    m.close_joining()
    with aborts("submission.ENotContributor"):
        m.commit(early, sender=SECOND)
    foreign = m.task
    (other,) = m.training(1)
    m.task = foreign
    with aborts("task.EWrongTask"):
        m.commit(other)


@pytest.mark.parametrize(
    ("late_ms", "fee"),
    [
        (-1, 0),
        (0, 0),
        (1, TERMS.late_fee // TERMS.grace_ms),
        (TERMS.grace_ms // 2, TERMS.late_fee // 2),
        (TERMS.grace_ms, TERMS.late_fee),
        (10 * TERMS.grace_ms, TERMS.late_fee),
    ],
)
@pytest.mark.parametrize("action", ["commit", "commit_abort"])
def test_a_late_commit_costs_a_fee_and_counts(late_ms, fee, action):
    m = EarlyBazaar()
    submission, _other = m.training(2)
    m.advance(TERMS.train_ms + late_ms)
    getattr(m, action)(submission)
    assert submission.state == SubmissionState.COMMITTED
    assert submission.late_fee == fee


@pytest.mark.parametrize(
    "changes",
    [
        {"trace_root": bytes(31)},
        {"update_root": bytes(33)},
        {"scheme_root": b""},
        {"cost_commitment": bytes(47)},
        {"cost_proof": bytes(111)},
        {"file_digest": bytes(31)},
    ],
)
def test_lengths_of_a_commit(changes):
    m = EarlyBazaar()
    (submission,) = m.training(1)
    with aborts("submission.EBadDigest"):
        m.commit(submission, **changes)


def test_numbers_of_rows():
    m = EarlyBazaar()
    (submission,) = m.training(1)
    for rows in (0, 2**20 + 1):
        with aborts("submission.EBadRows"):
            m.commit(submission, scheme_rows=rows)
    m.commit(submission, scheme_rows=2**20)


def test_a_trace_starts_where_the_task_starts():
    m = EarlyBazaar()
    (submission,) = m.training(1)
    work = Work(m.task, submission)
    path = work.tree.path(0)
    for changes in (
        {"leaf_zero_path": path[:-1]},
        {"leaf_zero_path": [*path, bytes(32)]},
        {"leaf_zero_path": []},
        {"leaf_zero_path": [path[0][:31], *path[1:]]},
        {"leaf_zero_path": work.tree.path(1)},
        {"trace_root": digest("another root")},
    ):
        with aborts("submission.EBadLeafZero"):
            m.commit(submission, **changes)
    # A trace from another initial state has a correct path to a wrong leaf.
    m.task.state_root_0 = digest("another start")
    with aborts("submission.EBadLeafZero"):
        m.call(
            "submission::commit",
            FIRST,
            m.market,
            m.task,
            submission,
            *work.commit_args().values(),
        )


def test_the_proof_of_the_cost_commitment():
    m = EarlyBazaar()
    (submission,) = m.training(1)
    work = Work(m.task, submission)
    good = work.commit_args()["cost_proof"]
    context = work.ctx + work.tree.root + work.update_root
    wrong = [
        prove_opening(context[:-1] + bytes([context[-1] ^ 1]), COST, BLINDING),
        prove_opening(context, COST + 1, BLINDING),
        good[:48] + encode_scalar(1) + good[80:],
        good[:80] + encode_scalar(1),
        IDENTITY_BYTES + good[48:],
    ]
    for proof in wrong:
        with aborts("pedersen.EBadProof"):
            m.commit(submission, cost_proof=proof)
    # Somebody else's commitment and proof do not fit this contributor.
    with aborts("pedersen.EBadProof"):
        m.commit(submission, update_root=digest("another update"))
    with aborts("pedersen.EBadPoint"):
        m.commit(submission, cost_commitment=IDENTITY_BYTES)
    no_point = b"\xff" * 48
    for changes in (
        {"cost_commitment": no_point},
        {"cost_proof": no_point + good[48:]},
        {"cost_proof": good[:48] + Q.to_bytes(32, "big") + good[80:]},
    ):
        with pytest.raises(MoveAbort) as caught:
            m.commit(submission, **changes)
        assert (caught.value.module, caught.value.code) == ("0x2::group_ops", 1)
    assert submission.state == SubmissionState.JOINED


# --- abort claims ---------------------------------------------------------------------------------


def test_a_claim_that_the_plan_cannot_be_carried_out():
    m = EarlyBazaar()
    submission, other = m.training(2)
    m.commit_abort(submission, segment=2)
    claim = submission.abort
    assert (claim.segment, claim.step, claim.code) == (2, 5, 1)
    assert (submission.state, m.task.committed) == (SubmissionState.COMMITTED, 1)
    assert submission.commitment.update_root == b""
    event = m.last(events.AbortCommitted)
    assert (event.segment, event.ctx) == (2, submission.ctx)
    with aborts("submission.EWrongState"):
        m.commit_abort(submission)
    with aborts("submission.ENotContributor"):
        m.commit_abort(other, sender=FIRST)
    with aborts("submission.EBadDigest"):
        m.commit_abort(other, trace_root=bytes(31))
    for segment in (0, 7):
        with aborts("submission.EBadAbort"):
            m.commit_abort(other, claims=segment)
    with aborts("submission.EBadLeafZero"):
        m.commit_abort(other, claims=6)
