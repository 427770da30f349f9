"""Silent seats are replaced once, at their cost."""

from walrusd.chain.layouts import events
from walrusd.core.lifecycle import EndReason, SeatStatus, SubmissionState
from walrusd.core.protocol import compute_seat_draw
from walrusd.units import address_bytes

from .market import CONTRIBUTORS, SUI, TERMS, TIP, Bazaar, terms_with
from .world import aborts, address

PENALTY = 10 * TERMS.verifier_fee


def paid(submission):
    return {c.owner: c.amount for c in submission.credits}


def silent(verifiers=14, worker=0, **kwargs):
    """Return a market and a submission of which one seat, and no other, has attested."""
    m = Bazaar(verifiers=verifiers)
    (submission,) = m.opened(1, **kwargs)
    m.attest_seat(submission, worker)
    m.attest(submission, (worker + 1) % 3, 0)
    m.advance(TERMS.verify_ms)
    return m, submission


def next_drawn(m, submission, count, skip=()):
    """Return the pool indices that the beacon gives next after the committee."""
    taken, found = {seat.pool_index for seat in submission.committee} | set(skip), []
    for attempt in range(256):
        name, pool_len = address_bytes(submission.id), m.task.pool_len
        index = compute_seat_draw(m.task.beacon, name, attempt, pool_len)
        if index not in taken and len(found) < count:
            found.append(index)
            taken.add(index)
    return found


def test_substitutes_take_the_places_of_silent_seats():
    m, submission = silent()
    before = [seat.pool_index for seat in submission.committee]
    expected = next_drawn(m, submission, 2)
    told = len(m.events)
    m.replace(submission)
    assert submission.replaced
    assert (submission.state, submission.window_ms) == (SubmissionState.OPENED, m.now)
    kept, *substitutes = submission.committee
    assert (kept.pool_index, kept.slot, kept.status) == (before[0], 0, SeatStatus.ATTESTED)
    assert [s.pool_index for s in substitutes] == expected
    assert [s.slot for s in substitutes] == [4, 5]
    for seat in substitutes:
        drawn = m.pool.seats[seat.pool_index]
        assert (seat.verifier, seat.key, drawn.in_use) == (drawn.verifier, drawn.key, 1)
        assert (seat.status, seat.attested) == (SeatStatus.SEATED, 0)
    for index in before[1:]:
        assert (m.pool.seats[index].stake, m.pool.seats[index].in_use) == (2 * SUI - PENALTY, 0)
    assert m.burned == 2 * PENALTY
    assert paid(submission) == {address("crank"): 2 * TIP}
    names = [type(e).__name__ for e in m.events[told:]]
    assert names == ["SeatPenalized", "SeatPenalized", "SeatReplaced", "SeatReplaced"]
    replaced = m.last(events.SeatReplaced)
    assert (replaced.seat, replaced.pool_index) == (2, expected[1])
    # All burned Mist of one call lie in one coin.
    coins = [o for oid, o in m.objects.items() if m.owners[oid] == address_of_burn()]
    assert [coin.balance for coin in coins] == [2 * PENALTY]


def address_of_burn():
    return "0x" + "dead".rjust(64, "0")


def test_a_substitute_attests_with_its_own_digest():
    m, submission = silent()
    m.replace(submission)
    work, segment = m.works[submission.id], m.dealt(submission, 1)[0]
    with aborts("attestation.EWrongDigest"):
        m.attest(submission, 1, 0, **work.attest_args(segment, 1))
    m.attest_seat(submission, 1)
    m.attest_seat(submission, 2)
    assert submission.state == SubmissionState.ATTESTED
    m.draw_audit(submission, selected=False)
    m.settle(submission)
    assert submission.state == SubmissionState.ACCEPTED
    assert paid(submission) == {
        address("crank"): 4 * TIP,
        address(CONTRIBUTORS[0]): TERMS.stake + TERMS.reward,
        **{seat.verifier: TERMS.verifier_fee for seat in submission.committee},
    }
    assert all(seat.in_use == 0 for seat in m.pool.seats)


def test_a_replaced_seat_has_no_say_any_more():
    m, submission = silent()
    before = m.caps[m.name_of(submission.committee[1].verifier)]
    m.replace(submission)
    with aborts("attestation.ENotSeated"):
        m.attest(submission, 1, 0, cap=before)


def test_replacing_at_the_wrong_time():
    m = Bazaar()
    (submission,) = m.seated(1)
    with aborts("submission.EWrongState"):
        m.replace(submission)
    m.open(submission)
    m.advance(TERMS.verify_ms - 1)
    with aborts("committee.ETooEarly"):
        m.replace(submission)
    m.advance(1)
    m.replace(submission)
    with aborts("committee.EAlreadyReplaced"):
        m.replace(submission)
    m.advance(TERMS.verify_ms)
    with aborts("committee.EAlreadyReplaced"):
        m.replace(submission)
    m.settle(submission)
    assert submission.reason == EndReason.NOT_FULLY_ATTESTED


def test_too_few_substitutes_leave_the_work_undecided():
    m, submission = silent(verifiers=4)
    worker = submission.committee[0].verifier
    committee = [seat.pool_index for seat in submission.committee]
    m.replace(submission)
    assert (submission.state, submission.reason) == (
        SubmissionState.UNDECIDED,
        EndReason.TOO_FEW_SEATS,
    )
    assert not submission.replaced
    assert [seat.pool_index for seat in submission.committee] == committee
    assert all(seat.in_use == 0 for seat in m.pool.seats)
    assert paid(submission) == {
        address("crank"): 2 * TIP,
        address(CONTRIBUTORS[0]): TERMS.stake,
        worker: TERMS.verifier_fee,
    }
    assert m.burned == 2 * PENALTY


def test_a_seat_that_is_leaving_is_no_substitute():
    m, submission = silent()
    leaving = next_drawn(m, submission, 1)[0]
    name = m.name_of(m.pool.seats[leaving].verifier)
    m.call("node::exit_seat", name, m.market, m.pool, m.caps[name])
    expected = next_drawn(m, submission, 2, skip={leaving})
    m.replace(submission)
    assert [s.pool_index for s in submission.committee[1:]] == expected


def test_a_penalty_for_silence_takes_at_most_the_stake():
    m, submission = silent()
    for seat in submission.committee[1:]:
        poor = m.pool.seats[seat.pool_index]
        m.pool.stakes -= poor.stake - 3
        m.minted -= poor.stake - 3
        poor.stake = 3
    m.replace(submission)
    assert m.burned == 2 * 3


def test_a_forgery_that_a_replaced_seat_attested_costs_it_nothing_more():
    m, submission = silent(forged={1, 2, 3, 4, 5, 6}, terms=terms_with(audit_bps=10_000))
    first = submission.committee[1].pool_index
    segment = m.dealt(submission, 1)[0]
    m.replace(submission)
    m.challenge(submission, segment)
    m.judge(submission, m.works[submission.id].honest[segment])
    assert submission.state == SubmissionState.REJECTED
    assert m.pool.seats[first].stake == 2 * SUI - PENALTY
