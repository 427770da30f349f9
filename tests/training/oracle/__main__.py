"""``python -m tests.training.oracle PLAN [WEIGHTS] ROWS``: what a plan's run must commit to.

PLAN is the canonical JSON of a plan, ROWS are raw rows. WEIGHTS is a safetensors file; without it
the weights are those of the plan's seed. Prints one JSON object: the digest of the plan, losses,
chain, roots and leaf of each segment, the trace root, the cost, and hashes of the update and of the
last state; or where the plan aborts, and with which code. With
``--evaluate`` it trains nothing, and counts what WEIGHTS get right.
"""

import argparse
import json
import sys
from pathlib import Path

from .evaluation import evaluate
from .trace import describe


def read_hash(text):
    value = bytes.fromhex(text)
    if len(value) != 32:
        raise argparse.ArgumentTypeError("64 hexadecimal digits")
    return value


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="tests.training.oracle", description=__doc__)
    parser.add_argument("plan", type=Path)
    parser.add_argument("weights", type=Path, nargs="?")
    parser.add_argument("rows", type=Path)
    parser.add_argument("--seed", type=read_hash, default=bytes(32), help="of the submission")
    parser.add_argument("--context", type=read_hash, default=bytes(32), help="ctx of the protocol")
    parser.add_argument(
        "--slots", type=int, default=5, help="those of a segment: committee and substitutes"
    )
    parser.add_argument("--segments", type=int, help="stop after so many")
    parser.add_argument("--evaluate", action="store_true", help="train nothing")
    options = parser.parse_args(arguments)
    weights = None if options.weights is None else options.weights.read_bytes()
    plan, rows = options.plan.read_bytes(), options.rows.read_bytes()
    if options.evaluate:
        found = evaluate(plan, weights, rows)
    else:
        found = describe(
            plan,
            weights,
            rows,
            seed=options.seed,
            context=options.context,
            slots=options.slots,
            segments=options.segments,
        )
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
