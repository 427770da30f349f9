"""``walrusctl verify dispute``: two transcripts in files, and who is right."""

import json
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from tests.support.guards import GUARD_S
from tests.support.transcripts import make_output, read_transcript, rewrite
from tests.verify.test_segment import make_files
from walrusd.cli.verify import verify
from walrusd.training.dispute.operations import compute_operations
from walrusd.training.plan.plan import parse_plan


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
    work += ["--start", folder / "state-1", "--rows", folder / "rows.bin", "--slots", 5]
    done = run(*work, "--transcript", folder / "honest", "--step", 5, "--values", "--json")
    assert json.loads(done.stdout)["valid"], done.stdout
    before = ["segment", folder / "work.wvf", "--segment", 1, "--plan", folder / "plan.json"]
    before += ["--start", folder / "state-0", "--rows", folder / "rows.bin", "--slots", 5]
    assert run(*before, "--transcript", folder / "other").returncode == 0
    return folder


def inputs(folder):
    plan, start, rows = folder / "plan.json", folder / "state-1", folder / "rows.bin"
    return ["--plan", plan, "--start", start, "--rows", rows]


def compare(folder, a, b, *more):
    return run("dispute", a, b, "--plan", folder / "plan.json", *more)


def read(folder, name):
    return read_transcript(
        parse_plan((folder / "plan.json").read_bytes()), (folder / name).read_bytes()
    )


def forge(folder, name, **lies):
    plan = parse_plan((folder / "plan.json").read_bytes())
    (folder / name).write_bytes(rewrite(plan, (folder / "honest").read_bytes(), **lies))
    return folder / name


def test_a_written_transcript_is_that_of_the_segment(files):
    honest = read(files, "honest")
    assert (honest.beginning.segment, honest.steps, honest.finished) == (2, range(4, 7), 3)
    assert honest.log.step == 5
    assert honest.log.read_state() is not None
    assert honest.log.carries(0)
    plan = files / "plan.json"
    done = run_client("dispute", files / "honest", files / "honest", "--plan", plan)
    assert (done.returncode, done.stderr) == (0, "")
    assert "agree on every step" in done.stdout


def forge_weight(folder):
    """A transcript with one wrong number in one output, and another state root from there on."""
    plan = parse_plan((folder / "plan.json").read_bytes())
    honest = read(folder, "honest")
    operations = list(compute_operations(plan))
    number = next(o.number for o in operations if o.name == "optimizer linear01.weight: weight")
    form, root = operations[number].form, b"w" * 32
    data = b"".join(honest.log.read_leaf(number, leaf) for leaf in range(form.leaves))
    numbers = np.frombuffer(data, "<f4").copy().reshape(form.shape)
    numbers[30, 2] += 1.0
    record = replace(honest.get_record(5), state_root=root)
    outputs = {
        number: make_output(plan, number, numbers.tobytes()),
        len(operations) - 1: b"\0" + root,
    }
    return forge(folder, "forged", records={5: record}, outputs=outputs)


def test_a_forged_number_is_shown_with_its_operation_and_judged(files):
    forged = forge_weight(files)
    done = run("dispute", files / "honest", forged, *inputs(files), "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["agree"], told["right"]) == (0, False, "A")
    assert (told["step"], told["parts"], told["computed_steps"]) == (5, ["state_root"], 1)
    operation = told["operation"]
    assert (operation["kind"], operation["form"]) == ("sgd.weight", "f32[33, 48]")
    assert operation["name"] == "optimizer linear01.weight: weight"
    digests = operation["digests"]
    assert digests["A"] == digests["computed"] != digests["B"]
    assert [given["name"] for given in operation["inputs"]] == ["weight", "momentum", "rate"]
    sources = [given["source"] for given in operation["inputs"]]
    assert sources == ["state", "operation", "operation"]
    assert len(operation["inputs"][1]["numbers"]) == 4
    leaf = operation["leaf"]
    assert (leaf["index"], leaf["count"], leaf["first_number"]) == (1, 2, 1024)
    assert (leaf["place"], leaf["differing"]) == ([30, 2], 1)
    at = leaf["at"]
    assert at["A"] == at["computed"] != at["B"]
    for side, evidence in told["evidence"].items():
        assert [each["step"] for each in evidence["records"]] == [4, 5]
        output = evidence["output"]
        assert (output["number"], output["digest"]) == (operation["number"], digests[side])
        assert (output["leaf"]["index"], len(output["leaf"]["path"])) == (1, 1)
    text = run("dispute", forged, files / "honest", *inputs(files))
    assert text.returncode == 0
    for line in (
        "first step   5, which differs in state_root",
        "optimizer linear01.weight: weight, f32[33, 48]",
        "leaf         1 of 2: numbers 1024 to 1583",
        "first differing number [30, 2] (1 in this leaf)",
        "B is right, A is wrong",
        "A diverges from the computation at: optimizer linear01.weight: weight",
    ):
        assert line in text.stdout


def test_without_the_work_the_operation_is_found_but_not_judged(files):
    forged = forge_weight(files)
    told = json.loads(compare(files, files / "honest", forged, "--json").stdout)
    assert (told["right"], told["operation"]["leaf"]["place"]) == (None, [30, 2])
    text = compare(files, files / "honest", forged).stdout
    assert "not computed: give --start and --rows" in text


def test_without_logs_the_step_is_judged(files):
    bare = forge(files, "bare", log=False)
    record = replace(read(files, "honest").get_record(6), state_root=b"q" * 32)
    wrong = forge(files, "wrong", records={6: record}, log=False)
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
        (["honest", "honest", "--start", "state-1"], "rpc.bad_request"),
    ],
)
def test_errors_are_typed(files, arguments, code):
    given = [files / a if not a.startswith("--") else a for a in arguments]
    done = compare(files, *given, "--json")
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (1, code)


def test_options_that_belong_together(files):
    work = ["segment", files / "work.wvf", "--segment", 2, "--plan", files / "plan.json"]
    work += ["--start", files / "state-1", "--rows", files / "rows.bin", "--slots", 5]
    for extra in (["--step", 5], ["--transcript", files / "t", "--step", 9]):
        done = run(*work, *extra, "--json")
        assert json.loads(done.stdout)["error"]["code"] == "rpc.bad_request"
    assert not (files / "t").exists()


def test_a_transcript_that_cannot_be_written_says_so(files):
    work = ["segment", files / "work.wvf", "--segment", 2, "--plan", files / "plan.json"]
    work += ["--start", files / "state-1", "--rows", files / "rows.bin", "--slots", 5]
    done = run(*work, "--transcript", files / "nowhere" / "t", "--json")
    assert json.loads(done.stdout)["error"]["code"] == "rpc.bad_request"
