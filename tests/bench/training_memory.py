"""``python -m tests.bench.training_memory MODEL exact|q8r|ordinary``: print the growth in MB."""

import sys
from pathlib import Path

import torch

from tests.bench.models import make_ordinary, make_plan, make_rows
from tests.bench.training import make_exact
from walrusd.training.plan.plan import EXACT_Q8R, EXACT_Q20
from walrusd.training.process.memory import keep_freed_memory
from walrusd.training.selftest.selftest import selftest

STEPS = 3


def read_memory(key: str) -> float:
    """Return megabytes of this process: ``VmRSS``, what is in memory, or ``VmHWM``, its peak."""
    status = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in status if line.startswith(f"{key}:"))
    return int(line.split()[1]) / 1024


def main() -> None:
    """Train a few steps."""
    name, kind = sys.argv[1:]
    torch.set_num_threads(1)
    plan = make_plan(name, EXACT_Q8R if kind == "q8r" else EXACT_Q20)
    rows = make_rows(plan)
    # Both sides have touched the libraries before the count begins.
    selftest()
    warm = torch.nn.Linear(8, 8)
    warm(torch.ones(1, 8)).sum().backward()
    torch.optim.AdamW(warm.parameters()).step()
    torch.optim.SGD(warm.parameters(), momentum=0.5).step()
    before = read_memory("VmRSS")
    if kind == "ordinary":
        step = make_ordinary(name, plan, rows)
    else:
        keep_freed_memory()
        step = make_exact(plan, rows)
    for _ in range(STEPS):
        step()
    print(read_memory("VmHWM") - before)


if __name__ == "__main__":
    main()
