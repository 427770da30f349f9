"""What the ready market offers is accepted by the contract, pays, and can be learned."""

import json

import numpy as np

from tests.contract.world import World
from walrusd.core.seats.eligibility import compute_needed_rate, count_duties
from walrusd.core.terms_review import review_terms
from walrusd.devnet.contract import DEVNET_POOL, terms
from walrusd.devnet.contract.node import compute_share
from walrusd.devnet_market import offer
from walrusd.devnet_market.layout import CONTRIBUTORS, SEATS, VERIFIERS
from walrusd.devnet_market.members import RATE
from walrusd.services.publisher.estimate import make_rules
from walrusd.services.publisher.task_request import check_names
from walrusd.services.publisher.terms import read_terms
from walrusd.settings.amounts import parse_amount
from walrusd.training.plan.dataspec import parse_data_schema
from walrusd.training.plan.plan import read_plan
from walrusd.training.run.data import check_rows

GAS = 50_000_000
"""What a contributor pays for one submission, in Mist, rounded up (docs/gas.md)."""
PLAN = read_plan(offer.make_plan(bytes(32)))
TERMS = read_terms(offer.make_terms(), PLAN)


def test_the_rows_are_what_the_schema_says() -> None:
    rows = offer.make_rows()
    schema = parse_data_schema(json.loads(offer.encode_schema()))
    assert len(rows) == offer.ROWS * schema.row_bytes
    check_rows(schema, rows)
    assert offer.make_rows() == rows


def test_there_is_something_to_learn() -> None:
    """The class of the nearest other point is mostly right, the best plane's is not enough."""
    table = np.frombuffer(offer.make_rows(), np.uint8).reshape(offer.ROWS, -1).astype(np.float64)
    points, labels = table[:, :-1] / 255, table[:, -1].astype(int)
    half = offer.ROWS // 2
    distances = ((points[half:, None] - points[None, :half]) ** 2).sum(axis=2)
    nearest = labels[:half][distances.argmin(axis=1)]
    assert np.mean(nearest == labels[half:]) > 0.9
    # Least squares on one-hot labels: what a model without a hidden layer could do.
    inputs = np.column_stack([points, np.ones(offer.ROWS)])
    weights, *_ = np.linalg.lstsq(inputs[:half], np.eye(offer.CLASSES)[labels[:half]], rcond=None)
    linear = (inputs[half:] @ weights).argmax(axis=1)
    assert np.mean(linear == labels[half:]) < 0.85
    assert np.bincount(labels).min() > offer.ROWS / offer.CLASSES / 2


def test_the_contract_accepts_the_terms() -> None:
    world = World()
    terms.check(TERMS, world.market, compute_share(world.pool))
    seats = SEATS * len(VERIFIERS)
    terms.check_pool(TERMS, seats, seats, world.pool.params.duties)


def test_cheating_does_not_pay() -> None:
    assert review_terms(make_rules(TERMS)) == ()


def test_the_reward_is_more_than_the_gas_of_a_contributor() -> None:
    assert TERMS.reward >= 2 * GAS


def test_seats_and_places_suffice() -> None:
    # One address serves a submission once: as a seat, a substitute, or a juror of its cases.
    assert count_duties(vars(TERMS)) <= len(VERIFIERS)
    assert compute_needed_rate(vars(TERMS), DEVNET_POOL.duties) <= RATE
    assert TERMS.max_submissions == TERMS.k_min == len(CONTRIBUTORS) + 1
    assert TERMS.committee * TERMS.segments_per_seat == TERMS.segments, "all work is replayed"
    assert parse_amount(offer.STAKE) == TERMS.stake


def test_requests_differ_from_task_to_task() -> None:
    first, second = (json.loads(offer.make_request("0x1", number)) for number in (1, 2))
    check_names(first)
    assert first["title"] != second["title"]
    assert first["plan"]["init_seed"] != second["plan"]["init_seed"]
    assert first["datasets"] == [{"dataset": "0x1", "version": 1}]
