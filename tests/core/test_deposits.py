"""The parts of a deposit add up to what the contract takes, and every window is in a stage."""

from hypothesis import given
from hypothesis import strategies as st

from tests.contract.market import TERMS, terms_with
from tests.contract.world import World
from walrusd.core.deposits import compute_funds, list_deposits
from walrusd.core.task_life import STAGES, compute_longest_life
from walrusd.devnet.contract import terms as contract_terms

WORLD = World()
amount = st.integers(0, 10**12)


@given(
    st.builds(
        terms_with,
        reward=amount,
        verifier_fee=amount,
        juror_fee=amount,
        publisher_bond=amount,
        committee=st.integers(1, 16),
        jury=st.integers(1, 15),
        max_submissions=st.integers(1, 64),
    ),
    amount,
)
def test_the_parts_add_up_to_what_the_contract_takes(terms, tip: int) -> None:
    parts = list_deposits(vars(terms), tip)
    taken = contract_terms.required_funds(WORLD.context("p"), terms, tip)
    assert sum(part.amount for part in parts) == compute_funds(vars(terms), tip) == taken


def test_the_longest_life_has_every_window_of_the_terms() -> None:
    windows = {name for name in vars(TERMS) if name.endswith("_ms")}
    assert {window for stage in STAGES for window in stage.windows} == windows
    for window in windows:
        longer = vars(TERMS) | {window: vars(TERMS)[window] + 1}
        assert compute_longest_life(longer) > compute_longest_life(vars(TERMS))
