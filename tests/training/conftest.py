"""Small plans and data for the training tests."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import walrusd
from tests.training import oracle as numpy_oracle
from walrusd.training.numerics.random import compute_stream
from walrusd.training.plan.plan import read_plan
from walrusd.training.process.child import run_line
from walrusd.training.run.data import DatasetRows
from walrusd.training.run.jobs import job_to_json
from walrusd.training.run.state import initial_state, serialize_state
from walrusd.training.run.trace import Assignment
from walrusd.training.run.trainer import SegmentResult, train
from walrusd.training.run.weights import init_weights, weights_to_bytes

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def oracle():
    return numpy_oracle


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def document():
    """Return a plan as JSON, with changes: ``document(batch=8, micro_batches=[8])``."""

    def make(**changes):
        base = {
            "version": 1,
            "profile": "exact-q20/2",
            "model": {"kind": "mlp", "inputs": 12, "hidden": [16, 9], "classes": 5},
            "init_seed": "2a" * 32,
            "loss": "softmax-cross-entropy",
            "optimizer": {"kind": "sgd", "lr": "0.05", "momentum": "0.9"},
            "schedule": "constant",
            "batch": 16,
            "micro_batches": [10, 6],
            "steps": 12,
            "segments": 3,
            "segment_steps": 4,
            "dataset": {"kind": "tabular-u8", "features": 12, "scale_log2": -4, "classes": 5},
            "update": {"scale_bits": 20, "value_bits": 24},
            "clipping": "none",
        }
        return json.loads(json.dumps({**base, **changes}))

    return make


@pytest.fixture(scope="session")
def plan(document):
    return read_plan(document())


@pytest.fixture(scope="session")
def row_bytes(plan):
    """Return 75 rows whose label follows from the features."""
    raw = np.frombuffer(compute_stream(b"r" * 32, 0, "test", 75 * 12), np.uint8).reshape(75, 12)
    features = raw % 17
    labels = (features[:, :5].argmax(1)).astype(np.uint8)
    return np.concatenate([features, labels[:, None]], 1).tobytes()


@pytest.fixture(scope="session")
def rows(plan, row_bytes):
    return DatasetRows(plan.dataset, row_bytes)


@pytest.fixture(scope="session")
def assignment(plan):
    return Assignment(plan, ctx=b"c" * 32, seed=b"s" * 32, slots=5)


@pytest.fixture(scope="session")
def state_0(plan):
    return serialize_state(plan, initial_state(plan, init_weights(plan)))


@pytest.fixture(scope="session")
def trained(assignment, rows, state_0):
    """States 0 … S and the records of one run."""
    torch.set_num_threads(1)
    done = [e for e in train(assignment, rows, state_0) if isinstance(e, SegmentResult)]
    return [state_0, *(e.state_bytes for e in done)], [e.record for e in done]


@pytest.fixture(scope="session")
def digits():
    """The digits as a table of bytes: 64 features and a label per row."""
    path = HERE.parent / "demo" / "data" / "digits.bin"
    return np.fromfile(path, np.uint8).reshape(1797, 65)


@pytest.fixture(scope="session")
def child():
    """Start a training child: ``child(**environment)`` returns a Popen with text pipes."""
    root = str(Path(walrusd.__file__).parent.parent)
    base = {"PYTHONPATH": root, "PATH": "/usr/bin:/bin", "OMP_WAIT_POLICY": "PASSIVE"}

    def start(**environment):
        return subprocess.Popen(
            [sys.executable, "-m", "walrusd.training.process.child"],
            env={**base, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def run(capsys):
    """Run a job in this process: what a child does, without its start. As ``finish``."""
    handler = signal.getsignal(signal.SIGTERM)

    def run_here(job):
        code = run_line(job_to_json(job) + "\n")
        out = capsys.readouterr().out
        return code, [next(iter(json.loads(line).items())) for line in out.splitlines()]

    yield run_here
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def files(tmp_path, plan, row_bytes):
    """Inputs of a job on disk."""
    (tmp_path / "plan.json").write_bytes(plan.to_bytes())
    (tmp_path / "weights").write_bytes(weights_to_bytes(plan, init_weights(plan)))
    (tmp_path / "rows").write_bytes(row_bytes)
    return tmp_path
