"""The auditor must agree with an honest ledger, and notice a single Mist that is elsewhere."""

import dataclasses

import pytest

from tests.contract.market import (
    CONTRIBUTORS,
    JURORS,
    SOUND,
    TERMS,
    TIP,
    VERIFIERS,
    Bazaar,
    case_cost,
)
from tests.contract.world import address
from tests.demo.audit import (
    Account,
    AuditedTransaction,
    Rules,
    Supply,
    compute_accounts,
    compute_burned,
    find_discrepancies,
)
from walrusd.core.lifecycle import CaseKind
from walrusd.devnet.move.context import Coin
from walrusd.devnet.move.packages import compute_held_sui

PEOPLE = [*CONTRIBUTORS, *VERIFIERS, "publisher", "owner", "crank", "accuser"]
GAS = 7


class Ledger(Bazaar):
    """A market that keeps every successful call as a transaction which cost ``GAS`` Mist."""

    def __init__(self):
        self.transactions = []
        super().__init__()

    def call(self, target, sender, *args):
        told = len(self.events)
        result = super().call(target, sender, *args)
        self.transactions.append(
            AuditedTransaction(address(sender), GAS, tuple(self.events[told:]))
        )
        return result

    @property
    def rules(self):
        return Rules(TIP, self.pool.params)

    def books(self):
        """Return what ``find_discrepancies`` needs, had every call been paid for."""
        spent = {
            name: GAS * sum(t.sender == address(name) for t in self.transactions) for name in PEOPLE
        }
        minted = dict.fromkeys(PEOPLE, 10**12)
        given = {name: minted[name] - self.given[name] for name in PEOPLE}
        after = {address(n): given[n] + self.balance(n) - spent[n] for n in PEOPLE}
        held = sum(compute_held_sui(o) for o in self.objects.values() if not isinstance(o, Coin))
        gas = sum(spent.values())
        total = sum(minted.values())
        return {
            "rules": self.rules,
            "before": {address(name): amount for name, amount in minted.items()},
            "after": after,
            "burned": self.burned,
            "supply_before": Supply(total, total, 0, 0),
            "supply_after": Supply(total, total - held - gas, held, gas),
        }


@pytest.fixture(scope="module")
def ledger():
    """Three honest contributors are paid: one after an audit, one after its seat has accused it,
    one after an outsider has. A forger is slashed, a juror is silent, and all claim."""
    m = Ledger()
    submissions = m.training(4)
    for number, submission in enumerate(submissions):
        m.commit(submission, forged={3} if number == 3 else ())
    m.close_training()
    for submission in submissions:
        m.seat(submission)
        m.show(submission)
    audited, accused, doubted, forged = submissions
    m.attest_all(audited)
    m.draw_audit(audited, selected=True)
    m.audit(audited)
    m.judge(audited, m.works[audited.id].honest[audited.dispute.index])
    m.deliver_update(audited)

    m.accuse(accused, CaseKind.SEGMENT)
    m.judge(accused, m.works[accused.id].honest[accused.dispute.index])
    m.show(accused)
    m.accept(accused)

    m.accuse_file(doubted)
    m.judge(doubted, SOUND)
    m.accept(doubted)

    place, position = divmod(m.places(forged).index(3), TERMS.segments_per_seat)
    m.accuse(forged, CaseKind.SEGMENT, place, 3, position=position)
    m.convene(forged)
    truth = m.works[forged.id].honest[3]
    m.vote(forged, [truth] * (JURORS - 1) + [None])
    m.resolve(forged, truth)
    for submission in submissions:
        for credit in list(submission.credits):
            m.claim(submission, m.name_of(credit.owner))
    m.reclaim()
    return m


def test_an_honest_ledger_has_no_discrepancy(ledger):
    assert find_discrepancies(ledger.transactions, **ledger.books()) == []


def test_each_participant_has_what_the_terms_say(ledger):
    accounts = compute_accounts(ledger.transactions, ledger.rules)
    nets = {name: accounts[address(name)] for name in CONTRIBUTORS}
    for name in CONTRIBUTORS[:3]:
        assert nets[name].got - nets[name].paid == TERMS.reward
    assert nets[CONTRIBUTORS[3]].got - nets[CONTRIBUTORS[3]].paid == -TERMS.stake
    assert nets[CONTRIBUTORS[0]].gas == GAS * sum(
        t.sender == address(CONTRIBUTORS[0]) for t in ledger.transactions
    )
    assert Account(gas=1, paid=2, got=10).net == 7


def test_what_was_burned_is_known_case_by_case(ledger):
    fee, penalty = ledger.pool.params.fee, 10 * TERMS.verifier_fee
    registered = len(VERIFIERS) * fee
    # A seat and an outsider that were refuted; a juror that was silent.
    cases = 2 * penalty + 10 * TERMS.juror_fee
    paid = TERMS.committee * TERMS.verifier_fee + (JURORS - 1) * TERMS.juror_fee
    stake = TERMS.stake - paid - min(5 * TERMS.verifier_fee, TERMS.stake // 5)
    assert compute_burned(ledger.transactions, ledger.rules) == registered + cases + stake
    assert ledger.burned == registered + cases + stake
    accounts = compute_accounts(ledger.transactions, ledger.rules)
    outsider = accounts[address("accuser")]
    assert (outsider.paid, outsider.got) == (case_cost() + penalty, 0)


@pytest.mark.parametrize("who", [CONTRIBUTORS[0], "publisher", VERIFIERS[0]])
def test_one_mist_too_much_or_too_little_is_noticed(ledger, who):
    for off in (-1, 1):
        books = ledger.books()
        books["after"][address(who)] += off
        found = find_discrepancies(ledger.transactions, **books)
        assert any(address(who) in sentence for sentence in found)


def test_burned_gas_and_minted_mist_are_counted(ledger):
    books = ledger.books()
    assert find_discrepancies(ledger.transactions, **{**books, "burned": books["burned"] + 1})
    after = books["supply_after"]
    for name in ("minted", "in_coins", "in_objects", "gas_collected"):
        changed = dataclasses.replace(after, **{name: getattr(after, name) + 1})
        assert find_discrepancies(ledger.transactions, **{**books, "supply_after": changed})
    stranger = AuditedTransaction(address("stranger"), 0, ())
    assert find_discrepancies([*ledger.transactions, stranger], **books)


def test_the_supply_is_read_from_text():
    answer = {"minted": "9", "in_coins": "5", "in_objects": "3", "gas_collected": "1", "x": True}
    assert Supply.from_json(answer) == Supply(9, 5, 3, 1)
