import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walrusd.errors import PlanRefused
from walrusd.training.plan.plan import check_plan_for_rows, parse_plan, read_plan
from walrusd.training.plan.strict import format_hex_float


def test_canonical_bytes_round_trip(plan):
    data = plan.to_bytes()
    assert parse_plan(data) == plan
    assert parse_plan(data).digest() == plan.digest()
    assert b'"lr":"0x1.99999ap-5"' in data
    assert b"." not in data.replace(b'"0x1.', b"").replace(b"0x1.", b"")


def test_human_spelling_does_not_change_the_digest(plan, document):
    spelled = document(optimizer={"momentum": "0x1.ccccccp-1", "lr": "5e-2", "kind": "sgd"})
    assert read_plan(dict(reversed(spelled.items()))).digest() == plan.digest()


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b",", b", ", 1),
        lambda data: data.replace(b'"0x1.99999ap-5"', b'"0x1.99999a0p-5"'),
        lambda data: data.replace(b'"0x1.99999ap-5"', b'"0.05"'),
        lambda data: data[:-1] + b',"version":1}',
        lambda data: data[:-1],
        lambda data: b"\xff" + data,
        lambda data: b"[" * 100_000,
        lambda data: b"[]",
    ],
)
def test_only_the_canonical_encoding_is_parsed(plan, change):
    with pytest.raises(PlanRefused):
        parse_plan(change(plan.to_bytes()))


REFUSED = [
    ("augment", {"augment": 1}, "augment is not a known key"),
    ("version", {"version": 2}, "version must be an integer from 1 to 1"),
    ("profile", {"profile": "q6"}, 'profile must be "exact-q20/1" or "exact-q8r/1"'),
    ("batch", {"batch": True}, "batch must be an integer"),
    ("batch", {"batch": 16.0}, "batch must be an integer"),
    ("micro_batches", {"micro_batches": [10, 7]}, "add up to the batch of 16"),
    ("micro_batches", {"micro_batches": []}, "micro_batches must be a list"),
    ("micro_batches", {"micro_batches": [70_000]}, "from 1 to 65536"),
    ("steps", {"steps": 13}, "= 12"),
    ("dropout", {"dropout": "0.1"}, "dropout is not a known key"),
    ("init_seed", {"init_seed": "2A" * 32}, "64 lower-case"),
    ("model", {"model": 3}, "model is not an object"),
    (
        "model.kernel",
        {"model": {"kind": "mlp", "inputs": 12, "hidden": [], "classes": 5, "kernel": 3}},
        "model.kernel is not a known key",
    ),
    (
        "model.hidden",
        {"model": {"kind": "mlp", "inputs": 12, "hidden": [65_537], "classes": 5}},
        "model.hidden must be a list",
    ),
    (
        "dataset.features",
        {"model": {"kind": "mlp", "inputs": 13, "hidden": [], "classes": 5}},
        "the model's inputs, 13",
    ),
    ("optimizer.lr", {"optimizer": {"kind": "sgd", "lr": 0.05, "momentum": "0"}}, "optimizer.lr"),
    ("optimizer.lr", {"optimizer": {"kind": "sgd", "lr": "nan", "momentum": "0"}}, "optimizer.lr"),
    (
        "optimizer.lr",
        {"optimizer": {"kind": "sgd", "lr": "0x1.999999999999ap-5", "momentum": "0"}},
        "exactly a float32",
    ),
    (
        "optimizer.momentum",
        {"optimizer": {"kind": "sgd", "lr": "0.1", "momentum": "1"}},
        "less than 1",
    ),
    ("update.value_bits", {"update": {"scale_bits": 20, "value_bits": 33}}, "from 2 to 32"),
    ("update.value_bits", {"update": {"scale_bits": 20}}, "is missing"),
]


@pytest.mark.parametrize(("key", "changes", "message"), REFUSED)
def test_refusals_name_the_key_and_what_belongs_there(document, key, changes, message):
    with pytest.raises(PlanRefused) as caught:
        read_plan(document(**changes))
    assert key in caught.value.message
    assert message in caught.value.message


def test_every_key_is_needed(document):
    for key in document():
        with pytest.raises(PlanRefused, match=key):
            read_plan({k: v for k, v in document().items() if k != key})


def test_a_batch_needs_twice_its_rows(plan):
    check_plan_for_rows(plan, 32)
    with pytest.raises(PlanRefused, match="batch"):
        check_plan_for_rows(plan, 31)


@given(st.floats(width=32, min_value=2.0**-40, max_value=1024.0))
def test_every_float32_has_one_text(document, value):
    text = format_hex_float(value)
    assert float.fromhex(text) == value
    made = read_plan(document(optimizer={"kind": "sgd", "lr": text, "momentum": "0"}))
    assert made.optimizer.lr == value
    assert json.loads(made.to_bytes())["optimizer"]["lr"] == text


def test_sizes(plan):
    assert plan.weight_count == 12 * 16 + 16 + 16 * 9 + 9 + 9 * 5 + 5
    assert plan.segment_range(2) == range(5, 9)
    assert plan.segment_work() == 3 * (12 * 16 + 16 * 9 + 9 * 5) * 16 * 4
    with pytest.raises(ValueError, match="no segment 4"):
        plan.segment_range(4)


@pytest.mark.parametrize("inside", [False, True])
def test_an_embedding_is_the_first_layer_or_none(document, inside):
    """What comes out of another layer is no token number."""
    table = {"layer": "embedding", "name": "e", "vocabulary": 8, "width": 2}
    end = [{"layer": "flatten"}, {"layer": "linear", "name": "l", "outputs": 2, "bias": True}]
    layers = [{"layer": "residual", "layers": [table, *end]}] if inside else [table, *end]
    model = {"kind": "layers", "input": [4], "layers": [{"layer": "relu"}, *layers]}
    with pytest.raises(PlanRefused, match="first in the model"):
        read_plan(document() | {"model": model})
