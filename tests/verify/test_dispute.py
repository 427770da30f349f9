"""``walrusctl verify dispute``: two transcripts in files, and who is right."""

import json
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from tests.support.guards import GUARD_S
from tests.verify.test_segment import make_files
from walrusd.cli.verify import verify
from walrusd.training.dispute.transcript import Value, canonicalise, compute_value_digest
from walrusd.training.dispute.transcript_codec import transcript_from_bytes, transcript_to_bytes


def run(*arguments):
    """Run the command in this process, which spares the start of another one."""
    done = CliRunner().invoke(verify, [str(a) for a in arguments])
    return SimpleNamespace(returncode=done.exit_code, stdout=done.stdout, stderr=done.stderr)


def run_client(*arguments):
    """Run it as people do."""
    command = [sys.executable, "-m", "walrusctl", "verify", *(str(a) for a in arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=GUARD_S)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Honest files, the honest transcript of step 5, and one with another rate in that step."""
    folder = make_files(tmp_path_factory.mktemp("dispute"), "mlp")
    work = ["segment", folder / "work.wvf", "--segment", 2, "--plan", folder / "plan.json"]
    work += ["--start", folder / "state-1", "--rows", folder / "rows.bin", "--committee", 3]
    done = run(*work, "--transcript", folder / "honest", "--step", 5, "--values", "--json")
    assert json.loads(done.stdout)["valid"], done.stdout
    before = ["segment", folder / "work.wvf", "--segment", 1, "--plan", folder / "plan.json"]
    before += ["--start", folder / "state-0", "--rows", folder / "rows.bin", "--committee", 3]
    assert run(*before, "--transcript", folder / "other").returncode == 0
    return folder


def inputs(folder):
    plan, start, rows = folder / "plan.json", folder / "state-1", folder / "rows.bin"
    return ["--plan", plan, "--start", start, "--rows", rows]


def forge(folder, name, forgery):
    honest = transcript_from_bytes((folder / "honest").read_bytes())
    (folder / name).write_bytes(transcript_to_bytes(forgery(honest)))
    return folder / name


def test_a_written_transcript_is_that_of_the_segment(files):
    honest = transcript_from_bytes((files / "honest").read_bytes())
    assert (honest.segment, honest.first, len(honest.steps)) == (2, 4, 3)
    assert honest.log.step == 5
    assert honest.log.state is not None
    assert honest.log.values
    done = run_client("dispute", files / "honest", files / "honest")
    assert (done.returncode, done.stderr) == (0, "")
    assert "agree on every step" in done.stdout


def forge_rate(folder):
    """A transcript that claims another rate, and what follows from it, in one operation."""

    def change(honest):
        log = honest.log
        operations = list(log.operations)
        index = next(i for i, o in enumerate(operations) if o.name == "optimizer linear01.weight")
        kept = dict(log.values)
        old = operations[index].outputs["weight"]
        array = old.read(kept[old.digest]).copy()
        array[1, 2] += 1.0
        kind, shape, raw = canonicalise(array)
        digest = compute_value_digest(kind, shape, raw)
        kept[digest] = raw
        outputs = operations[index].outputs | {"weight": Value(kind, shape, digest)}
        operations[index] = replace(operations[index], outputs=outputs)
        root = b"w" * 32
        name, size, raw = canonicalise(root)
        told = Value(name, size, compute_value_digest(name, size, raw))
        operations[-1] = replace(operations[-1], outputs={"state_root": told})
        steps = (honest.steps[0], replace(honest.steps[1], state_root=root), honest.steps[2])
        used = {v.digest for o in operations for p in (o.inputs, o.outputs) for v in p.values()}
        kept = {digest: raw for digest, raw in kept.items() if digest in used}
        log = replace(log, operations=tuple(operations), values=kept)
        return replace(honest, steps=steps, log=log)

    return forge(folder, "forged", change)


def test_a_forged_operation_is_shown_with_its_values_and_judged(files):
    forged = forge_rate(files)
    done = run("dispute", files / "honest", forged, *inputs(files), "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["agree"], told["right"]) == (0, False, "A")
    assert (told["step"], told["parts"], told["computed_steps"]) == (5, ["state_root"], 1)
    operation = told["operation"]
    assert operation["name"] == "optimizer linear01.weight"
    assert operation["differs_in"] == "outputs"
    assert all(value["agree"] for value in operation["inputs"])
    assert {value["name"] for value in operation["inputs"]} >= {"rate", "gradient", "weight"}
    weight = next(v for v in operation["outputs"] if v["name"] == "weight")
    assert weight["told"]["A"]["shape"] == [33, 48]
    assert weight["elements"]["index"] == [1, 2]
    assert weight["elements"]["differing"] == 1
    at = weight["elements"]["at"]
    assert at["A"] == at["computed"] != at["B"]
    text = run("dispute", forged, files / "honest", *inputs(files))
    assert text.returncode == 0
    for line in (
        "first step   5, which differs in state_root",
        "optimizer linear01.weight",
        "first differing element [1, 2] (1 differ)",
        "right        B is right, A is wrong",
    ):
        assert line in text.stdout


def test_without_the_work_the_operation_is_found_but_not_judged(files):
    forged = forge_rate(files)
    told = json.loads(run("dispute", files / "honest", forged, "--json").stdout)
    assert (told["right"], told["operation"]["name"]) == (None, "optimizer linear01.weight")
    text = run("dispute", files / "honest", forged).stdout
    assert "not computed: give --plan, --start and --rows" in text


def test_without_logs_the_step_is_judged(files):
    bare = forge(files, "bare", lambda honest: replace(honest, log=None))
    wrong = forge(
        files,
        "wrong",
        lambda honest: replace(
            honest,
            log=None,
            steps=(*honest.steps[:2], replace(honest.steps[2], state_root=b"q" * 32)),
        ),
    )
    done = run("dispute", wrong, bare, *inputs(files))
    assert "no log of this step from A and B" in done.stdout
    assert "--step 6" in done.stdout
    assert "B is right, A is wrong" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["honest", "rows.bin"], "transcript.malformed"),
        (["honest", "nowhere"], "rpc.bad_request"),
        (["honest", "other"], "transcript.foreign"),
        (["honest", "honest", "--plan", "plan.json"], "rpc.bad_request"),
    ],
)
def test_errors_are_typed(files, arguments, code):
    given = [files / a if not a.startswith("--") else a for a in arguments]
    done = run("dispute", *given, "--json")
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (1, code)


def test_options_that_belong_together(files):
    work = ["segment", files / "work.wvf", "--segment", 2, "--plan", files / "plan.json"]
    work += ["--start", files / "state-1", "--rows", files / "rows.bin", "--committee", 3]
    for extra in (["--step", 5], ["--transcript", files / "t", "--step", 9]):
        done = run(*work, *extra, "--json")
        assert json.loads(done.stdout)["error"]["code"] == "rpc.bad_request"
    assert not (files / "t").exists()
