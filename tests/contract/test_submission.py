"""Joining, committing, opening, passing the key on, and claiming."""

import pytest

from walrusd.chain.layouts import events
from walrusd.core.lifecycle import CostRule, KeyScope, SubmissionState, TaskPhase
from walrusd.crypto.pedersen.g1 import IDENTITY_BYTES, Q, encode_scalar
from walrusd.crypto.pedersen.pedersen import commit, prove_opening
from walrusd.devnet.move.aborts import MoveAbort

from .market import CONTRIBUTORS, TERMS, TIP, Bazaar, terms_with
from .work import BLINDING, COST, Work
from .world import aborts, address, digest

FIRST, SECOND = CONTRIBUTORS[:2]


# --- join -----------------------------------------------------------------------------------------


def test_joining_pins_the_dataset_and_sets_money_aside():
    m = Bazaar()
    m.open_task()
    before = m.task.pool
    submission = m.join(FIRST)
    aside = TERMS.reward + 3 * TERMS.verifier_fee + 2 * 5 * TERMS.juror_fee + 4 * TIP
    assert (submission.stake, submission.escrow) == (TERMS.stake, aside)
    assert m.task.pool == before - aside
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
    m = Bazaar()
    m.open_task()
    m.join(FIRST)
    m.advance(TERMS.join_ms)
    with aborts("task.ETooLate"):
        m.join(SECOND)
    m.close_joining()
    with aborts("task.EWrongPhase"):
        m.join(SECOND)


def test_joins_that_are_refused():
    m = Bazaar()
    m.open_task(terms=terms_with(max_submissions=1))
    with aborts("submission.EConflict"):
        m.join("publisher")
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


def test_a_grant_must_be_for_this_person_dataset_and_use():
    m = Bazaar()
    m.open_task()
    refused = [
        m.request(FIRST),
        m.grant(m.request(FIRST, scope=KeyScope.TRAIN)),
        m.grant(m.request(SECOND)),
        m.grant(m.request(FIRST, dataset=m.list_dataset())),
    ]
    for request in refused:
        with aborts("submission.ENoGrant"):
            m.join(FIRST, request=request)


def test_only_approved_versions_count():
    m = Bazaar()
    other = m.list_dataset()
    m.open_task(datasets=[m.dataset.id, m.dataset.id], numbers=[1, 5])
    with aborts("submission.EDatasetNotApproved"):
        m.join(FIRST, request=m.grant(m.request(FIRST, dataset=other)), dataset=other)
    request = m.grant(m.request(FIRST))
    request.number = 5
    with aborts("dataset.ENoVersion"):
        m.join(FIRST, request=request)


def test_too_many_rows_for_a_weight():
    m = Bazaar()
    m.dataset = m.list_dataset(rows=2**16 + 1)
    m.open_task()
    assert m.join(FIRST).weight == 1
    m.open_task(terms=terms_with(weights_rule=1))
    with aborts("submission.ETooManyRows"):
        m.join(FIRST)
    m.dataset = m.list_dataset(rows=2**16)
    m.open_task(terms=terms_with(weights_rule=1))
    assert m.join(FIRST).weight == 2**16


# --- commit ---------------------------------------------------------------------------------------


def test_committing_fixes_the_work():
    m = Bazaar()
    submission, _ = m.training(2)
    m.commit(submission)
    assert submission.state == SubmissionState.COMMITTED
    assert submission.commitment.trace_root == m.works[submission.id].tree.root
    assert m.task.committed == 1
    with aborts("submission.EWrongState"):
        m.commit(submission)


def test_commits_by_others_or_at_the_wrong_time():
    m = Bazaar()
    (early,) = m.joined(1)
    with aborts("task.EWrongPhase"):
        m.commit(early)
    m.advance(TERMS.join_ms)
    m.close_joining()
    with aborts("submission.ENotContributor"):
        m.commit(early, sender=SECOND)
    m.advance(10 * TERMS.train_ms)
    m.commit(early)  # late, but nobody has drawn yet

    (late,) = m.training(1)
    m.advance(TERMS.train_ms)
    m.draw()
    with aborts("task.EWrongPhase"):
        m.commit(late)


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
    m = Bazaar()
    (submission,) = m.training(1)
    with aborts("submission.EBadDigest"):
        m.commit(submission, **changes)


def test_numbers_of_rows():
    m = Bazaar()
    (submission,) = m.training(1)
    for rows in (0, 2**20 + 1):
        with aborts("submission.EBadRows"):
            m.commit(submission, scheme_rows=rows)
    m.commit(submission, scheme_rows=2**20)


def test_a_trace_starts_where_the_task_starts():
    m = Bazaar()
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
    m = Bazaar()
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


# --- open -----------------------------------------------------------------------------------------


def test_the_last_opening_starts_verification():
    m = Bazaar()
    first, second = m.seated(2)
    m.open(first)
    assert m.task.phase == TaskPhase.OPENING
    m.advance(9)
    m.open(second)
    assert (m.task.phase, m.task.phase_ms) == (TaskPhase.VERIFYING, m.now)
    assert first.opening.cost == COST
    assert m.last(events.SubmissionOpened).submission == second.id
    with aborts("submission.EWrongState"):
        m.open(second)


def test_openings_that_are_refused():
    m = Bazaar()
    (submission,) = m.drawn(1)
    with aborts("submission.EWrongState"):
        m.open(submission)
    m.seat(submission)
    with aborts("submission.ENotContributor"):
        m.open(submission, sender=SECOND)
    for changes in ({"digest": bytes(31)}, {"key_check": bytes(33)}):
        with aborts("submission.EBadDigest"):
            m.open(submission, **changes)
    for envelopes in ([b"e"] * 2, [b"e"] * 4, [b"e", b"", b"e"], [b"e", b"e", bytes(2049)]):
        with aborts("submission.EBadEnvelopes"):
            m.open(submission, envelopes=envelopes)
    for changes in ({"cost": COST + 1}, {"blinding": encode_scalar(BLINDING + 1)}):
        with aborts("pedersen.EBadOpening"):
            m.open(submission, **changes)
    with aborts("submission.EBadCost"):
        m.open(submission, cost=None, blinding=b"")
    with aborts("pedersen.EBadPoint"):
        m.open(submission, blinding=bytes(31))
    with pytest.raises(MoveAbort) as caught:
        m.open(submission, blinding=Q.to_bytes(32, "big"))
    assert (caught.value.module, caught.value.code) == ("0x2::group_ops", 1)
    m.open(submission, envelopes=[bytes(2048)] * 3)


def test_a_private_cost_is_opened_to_nobody_on_the_chain():
    m = Bazaar()
    (submission,) = m.seated(1, terms=terms_with(cost_rule=CostRule.PRIVATE))
    shown = {"cost": COST}, {"blinding": encode_scalar(BLINDING)}
    for changes in (*shown, {**shown[0], **shown[1]}, {"cost": 0}):
        with aborts("submission.EBadCost"):
            m.open(submission, **changes)
    m.open(submission)
    assert submission.state == SubmissionState.OPENED
    assert submission.opening.cost is None
    assert m.last(events.SubmissionOpened).cost is None


def test_a_late_opening_counts_until_somebody_settles():
    m = Bazaar()
    late, later = m.seated(2)
    m.advance(10 * (TERMS.open_ms + TERMS.grace_ms))
    m.open(late)
    m.settle(later)
    with aborts("submission.EWrongState"):
        m.open(later)


def test_a_cost_of_zero_can_be_committed_and_opened():
    m = Bazaar()
    (submission,) = m.training(1)
    work = Work(m.task, submission)
    context = work.ctx + work.tree.root + work.update_root
    proof = prove_opening(context, 0, BLINDING)
    m.commit(submission, cost_commitment=commit(0, BLINDING), cost_proof=proof)
    m.draw()
    m.seat(submission)
    m.open(submission, cost=0)


# --- reseal and claim -----------------------------------------------------------------------------


def reseal(m, submission, sender, envelope=b"sealed"):
    m.call("submission::reseal", sender, m.market, submission, address("new juror"), envelope)


def test_every_party_may_reseal():
    m = Bazaar()
    submission = m.disputed()
    parties = [
        FIRST,
        "accuser",
        m.name_of(submission.committee[0].verifier),
        m.juror_name(submission, 0),
    ]
    for sender in parties:
        reseal(m, submission, sender)
        event = m.last(events.KeyResealed)
        assert (event.sender, event.recipient) == (address(sender), address("new juror"))
    with aborts("submission.ENotParty"):
        reseal(m, submission, "stranger")
    for envelope in (b"", bytes(2049)):
        with aborts("submission.EBadEnvelopes"):
            reseal(m, submission, FIRST, envelope)


def test_nothing_to_reseal_before_the_opening():
    m = Bazaar()
    (submission,) = m.seated(1)
    with aborts("submission.EWrongState"):
        reseal(m, submission, FIRST)


def test_claiming_keeps_the_order_of_the_others():
    m = Bazaar()
    (submission,) = m.opened(1)
    m.accept(submission)
    owners = [c.owner for c in submission.credits]
    m.claim(submission, FIRST)
    assert [c.owner for c in submission.credits] == [o for o in owners if o != address(FIRST)]
    with aborts("settlement.ENothingToClaim"):
        m.claim(submission, FIRST)
    with aborts("settlement.ENothingToClaim"):
        m.claim(submission, "stranger")


def test_settling_at_the_wrong_time():
    m = Bazaar()
    lapsing, submission = m.training(2)
    with aborts("settlement.ETooEarly"):
        m.settle(lapsing)
    m.commit(submission)
    m.advance(TERMS.train_ms)
    m.draw()
    with aborts("settlement.ETooEarly"):
        m.settle(submission)  # committed: to be seated first
    m.seat(submission)
    m.advance(TERMS.open_ms + TERMS.grace_ms - 1)
    with aborts("settlement.ETooEarly"):
        m.settle(submission)
    m.open(submission)
    m.advance(TERMS.verify_ms - 1)
    with aborts("settlement.ETooEarly"):
        m.settle(submission)
    m.settle(lapsing)
    with aborts("settlement.EAlreadyEnded"):
        m.settle(lapsing)
    m.advance(1)
    with aborts("settlement.ETooEarly"):
        m.settle(submission)  # silent seats are to be replaced first
    m.replace(submission)
    m.advance(TERMS.verify_ms - 1)
    with aborts("settlement.ETooEarly"):
        m.settle(submission)
    m.advance(1)
    m.settle(submission)
    with aborts("settlement.EAlreadyEnded"):
        m.settle(submission)


def test_an_attested_submission_is_not_settled_before_its_audit_is_drawn():
    m = Bazaar()
    (submission,) = m.opened(1)
    m.attest_all(submission)
    m.advance(10**9)
    with aborts("settlement.ETooEarly"):
        m.settle(submission)


def test_a_submission_belongs_to_one_task():
    m = Bazaar()
    (submission,) = m.training(1)
    m.open_task()
    with aborts("task.EWrongTask"):
        m.commit(submission)
    with aborts("task.EWrongTask"):
        m.settle(submission)
