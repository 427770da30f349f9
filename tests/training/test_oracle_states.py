"""Product and oracle agree on segments that start from a state's bytes, whatever the bytes are."""

import json
import random
import struct

import pytest

from tests.support.refusals import refused
from tests.training import oracle, product
from tests.training.oracle.run import Run
from tests.training.oracle.trace import describe_replay
from tests.training.random_plans import make_case

RUN = {"seed": b"s" * 32, "context": b"c" * 32}
NAN, MINUS_ZERO = struct.pack("<f", float("nan")), struct.pack("<f", -0.0)


def find_cases(optimizer):
    """Return cases of several segments that run to their end."""
    for seed in range(200):
        case = make_case(seed)
        plan = json.loads(case.plan)
        chosen = plan["segments"] > 1 and plan["optimizer"]["kind"] == optimizer
        if chosen and "abort" not in oracle.describe(*case, **RUN):
            yield case


def end_of_first(case):
    run = Run(*case, **RUN, slots=5)
    run.segment(1)
    return run.state.to_bytes(), 8 * len(run.state.powers), run.plan["segment_steps"]


def damage(rng, state, powers, length):
    """Return variants of a state, each with what is wrong with it."""
    end = len(state) - powers
    tensors, step, last = state[: end - 8], state[end - 8 : end], state[end:]
    place = 4 * rng.randrange(len(tensors) // 4)

    def put(value):
        return tensors[:place] + value + tensors[place + 4 :]

    yield "nothing", state
    yield "NaN", put(NAN) + step + last
    yield "infinity", put(struct.pack("<f", float("-inf"))) + step + last
    yield "-0", put(MINUS_ZERO) + step + last
    yield "step 0", tensors + bytes(8) + last
    yield "the step before", tensors + (length - 1).to_bytes(8, "little") + last
    yield "too many steps", tensors + (99 * length).to_bytes(8, "little") + last
    yield "NaN after another step", put(NAN) + bytes(8) + last
    yield "-0 and NaN", MINUS_ZERO + NAN + tensors[8:] + step + last
    if powers:
        for value in (1.5, -0.0, -1.0, float("nan"), 0.0, 1.0):
            yield f"power {value}", tensors + step + struct.pack("<d", value) + last[8:]
        yield "NaN and a power of 2", put(NAN) + step + struct.pack("<d", 2.0) + last[8:]


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_segments_from_any_state_agree(optimizer):
    seen = set()
    for number, case in zip(range(4), find_cases(optimizer), strict=False):
        state, powers, length = end_of_first(case)
        for what, start in damage(random.Random(number), state, powers, length):
            found = product.describe_replay(case, start, 2, **RUN)
            assert found == describe_replay(*case, start, 2, **RUN), what
            seen.add(found[1] and found[1][1])
    assert seen >= {None, 1, 2}


def test_bytes_of_another_length_are_no_state():
    case = next(find_cases("adamw"))
    state, _, _ = end_of_first(case)
    for start in (state[:-1], state + b"\0", state + bytes(4), b"\0", b""):
        with refused("data.malformed"):
            product.describe_replay(case, start, 2, **RUN)
        with pytest.raises(ValueError, match="no state"):
            describe_replay(*case, start, 2, **RUN)
