"""Every command calls its method; results and errors are printed for people or programs."""

import gc
import json
from pathlib import Path

import pytest
import trio

from walrusctl.render import render_event
from walrusctl.values import shorten, show_value

TASK = "0x" + "ab" * 32
ALICE = "0x" + "a1" * 32


@pytest.mark.parametrize(
    ("arguments", "method", "params"),
    [
        (["status"], "status", {}),
        (["why", TASK], "why", {"subject": TASK}),
        (["why", "0xababab…ababab"], "why", {"subject": "0xababab…ababab"}),
        (["task", "list"], "task.list", {}),
        (["task", "show", TASK], "task.show", {"task": TASK}),
        (["task", "estimate", TASK], "task.estimate", {"task": TASK}),
        (["task", "join", TASK, "--yes"], "task.join", {"task": TASK}),
        (["task", "leave", TASK], "task.leave", {"task": TASK}),
        (["task", "aggregate", TASK], "task.aggregate", {"task": TASK}),
        (["task", "costs", TASK], "task.costs", {"task": TASK}),
        (["dataset", "list", "--mine"], "dataset.list", {"mine": True}),
        (["dataset", "list"], "dataset.list", {"mine": False}),
        (["dataset", "show", "0x1"], "dataset.show", {"dataset": "0x1"}),
        (["dataset", "search", "hand", "digits"], "dataset.search", {"text": "hand digits"}),
        (["keys", "pending"], "keys.pending", {}),
        (["keys", "list"], "keys.list", {}),
        (["keys", "approve", "0x2"], "keys.approve", {"request": "0x2"}),
        (["keys", "deny", "0x2", "--reason", "no"], "keys.deny", {"request": "0x2",
                                                                "reason": "no"}),
        (["task", "cancel", TASK, "--yes"], "task.cancel", {"task": TASK}),
        (["node", "register", "--max-stake", "10 SUI", "--yes"], "node.register",
         {"params": {"max_stake": "10 SUI", "another": False}}),
        (["node", "register", "--another", "--rate", "7", "--yes"], "node.register",
         {"params": {"rate": 7, "another": True}}),
        (["node", "register", "--pool", "0x9", "--dry-run"], "node.preview",
         {"params": {"pool": "0x9"}}),
        (["node", "declare", "--seat", "3", "--memory", "5", "--max-penalty", "1 SUI"],
         "node.declare", {"params": {"seat": 3, "memory": 5, "max_penalty": "1 SUI"}}),
        (["node", "renew", "--seat", "3", "--yes"], "node.renew", {"params": {"seat": 3}}),
        (["node", "top-up", "--amount", "1 SUI", "--yes"], "node.top_up",
         {"params": {"amount": "1 SUI"}}),
        (["node", "balance"], "node.balance", {}),
        (["node", "stake"], "node.stake", {}),
        (["node", "exit"], "node.exit", {"params": {}}),
        (["node", "exit", "--pool", "0x9"], "node.exit", {"params": {"pool": "0x9"}}),
        (["node", "withdraw"], "node.withdraw", {"params": {}}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("as_json", [True, False])
async def test_each_command_calls_its_method(daemon, arguments, method, params, as_json) -> None:
    done = await daemon.ctl(*arguments, *(["--json"] if as_json else []))
    assert (done.status, done.err) == (0, "")
    assert daemon.api.calls == [(method, params)]
    assert done.out
    if as_json:
        assert isinstance(json.loads(done.out), dict)


async def test_publishing_reads_the_plan_and_anchors_the_weights(daemon, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"profile": "exact-q20/2"}')
    (tmp_path / "task.toml").write_text(
        'title = "digits"\nplan = "plan.json"\nweights_path = "w.safetensors"\n'
        '[terms]\nreward = "2 SUI"\n'
    )
    await daemon.ctl("task", "publish", str(tmp_path / "task.toml"), "--title", "better", "--json")
    ((_, arguments),) = daemon.api.calls
    assert arguments["params"] == {
        "title": "better",
        "plan": {"profile": "exact-q20/2"},
        "weights_path": str(tmp_path / "w.safetensors"),
        "terms": {"reward": "2 SUI"},
    }


async def test_a_dataset_is_named_by_absolute_path(daemon, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "schema.json").write_text('{"columns": []}')
    monkeypatch.chdir(tmp_path)
    arguments = ["dataset", "add", "rows.csv", "--title", "t", "--schema", "schema.json", "--json"]
    assert (await daemon.ctl(*arguments)).status == 0
    ((_, sent),) = daemon.api.calls
    assert sent["path"] == str(tmp_path / "rows.csv")
    assert sent["schema"] == {"columns": []}


async def test_people_see_tables_with_units_and_short_ids(daemon) -> None:
    out = (await daemon.ctl("status")).out
    assert ALICE in out, "the subject's own ids are for copying"
    assert "12.5 SUI" in out
    assert "chain.unreachable: no node" in out
    out = (await daemon.ctl("task", "list")).out
    assert "0xababab…ababab" in out
    assert TASK not in out
    assert "1 SUI" in out
    assert "0.000000001 SUI" in out
    assert TASK in (await daemon.ctl("task", "list", "--full")).out
    out = (await daemon.ctl("task", "estimate", TASK)).out
    assert "[all] rules hold" in out, "brackets are text, not markup"
    assert "25.0%" in out
    assert "51.0%" in out
    assert "set juror_fee to 0.1 SUI at least" in out
    assert "yes" in out
    assert "380,677,201" in out
    assert "no key requests" in (await daemon.ctl("keys", "pending")).out
    out = (await daemon.ctl("node", "stake")).out
    assert f"{TASK} 2 SUI" in out
    assert "stake 10 SUI" in out
    out = (await daemon.ctl("why", TASK)).out
    assert "the reward is too small" in out
    assert "9xDigest" in out
    assert out.splitlines()[-1].strip() == "Our work is [really] accepted."


async def test_status_names_the_subjects_in_trouble_and_what_to_do(daemon) -> None:
    out = (await daemon.ctl("status")).out
    for word in ("troubles", "registrar", "EStakeTooSmall", "raise verifier.stake"):
        assert word in out
    (trouble,) = json.loads((await daemon.ctl("status", "--json")).out)["troubles"]
    assert trouble["code"] == "chain.move_abort"


async def test_a_typed_failure_has_status_1(daemon) -> None:
    done = await daemon.ctl("task", "join", "forbidden", "--yes")
    assert (done.status, done.out) == (1, "")
    assert done.err == ("error daemon.not_allowed: the policy forbids it\nhint: ask its owner\n")
    done = await daemon.ctl("task", "join", "forbidden", "--json")
    assert (done.status, done.err) == (1, "")
    assert json.loads(done.out)["error"] == {
        "code": "daemon.not_allowed",
        "message": "the policy forbids it",
        "hint": "ask its owner",
        "rule": "cap",
    }


# httpcore leaves the socket that could not connect to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("command", [["status"], ["watch"], ["task", "list"]])
def test_an_unreachable_daemon_has_status_3(ctl, tmp_path: Path, command) -> None:
    socket = str(tmp_path / "none.sock")
    done = ctl(*command, "--socket", socket)
    assert done.status == 3
    assert f"error rpc.unreachable: no walrusd answers on {socket}" in done.err
    assert "hint: check `systemctl status walrusd`" in done.err
    done = ctl(*command, "--socket", socket, "--json")
    assert done.status == 3
    assert json.loads(done.out)["error"]["code"] == "rpc.unreachable"
    gc.collect()  # here, where it is known, and not in the test after


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["task", "shwo"], "No such command 'shwo'"),
        (["task", "show"], "Missing argument 'TASK'"),
        (["keys", "deny", "0x1"], "Missing option '--reason'"),
        (["task", "publish", "/no/such.toml"], "cannot read /no/such.toml"),
        (["frobnicate"], "No such command 'frobnicate'"),
    ],
)
def test_wrong_usage_has_status_2(ctl, arguments, complaint: str) -> None:
    done = ctl(*arguments)
    assert (done.status, done.out) == (2, "")
    assert complaint in done.err
    if arguments != ["frobnicate"]:
        done = ctl(*arguments, "--json")
        assert done.status == 2
        assert json.loads(done.out)["error"]["code"] == "usage"


@pytest.mark.parametrize("name", ["task.toml", "task.json"])
def test_a_task_file_that_is_malformed(ctl, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{")
    done = ctl("task", "publish", str(tmp_path / name))
    assert done.status == 2
    assert f"{name} is not {'TOML' if name.endswith('toml') else 'JSON'}" in done.err


async def test_the_socket_may_come_from_the_environment(daemon, monkeypatch, ctl) -> None:
    monkeypatch.setenv("WALRUSD_SOCKET", str(daemon.socket))
    done = await trio.to_thread.run_sync(ctl, "node", "balance", "--json")
    assert done.status == 0
    assert daemon.api.calls == [("node.balance", {})]


@pytest.mark.parametrize("as_json", [True, False])
async def test_watch_shows_events_until_the_daemon_stops(daemon, as_json: bool) -> None:
    done = []

    async def watch() -> None:
        done.append(await daemon.ctl("watch", *(["--json"] if as_json else [])))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        await daemon.wait_for_watcher()
        daemon.broadcast.publish("training", task=TASK, step=1)
        daemon.broadcast.publish("training", task=TASK, step=2)
        daemon.broadcast.close()
    assert (done[0].status, done[0].err) == (0, "")
    lines = done[0].out.splitlines()
    assert len(lines) == 2
    if as_json:
        assert [json.loads(line)["step"] for line in lines] == [1, 2]
    else:
        assert "training" in lines[0]
        assert "task=0xababab…ababab  step=1" in lines[0]


def test_an_event_shows_the_beginning_of_what_only_programs_read() -> None:
    code = "AWY7qJOd81nRpdn7fXo2" * 5
    event = {"type": "KeyGranted", "event": {"request": TASK, "envelope": code, "more": [code]}}
    for full in (False, True):
        line = render_event(event, full=full)
        assert "AWY7qJOd81nRpdn7" in line
        assert (code in line) is full
    said = "A reason of many words. " * 5
    assert said in render_event({"type": "x", "event": {"reason": said}}, full=False)


def test_values_as_people_read_them() -> None:
    assert show_value("x", 1, full=False) == "1"
    assert show_value("x", True, full=False) == "yes"
    assert show_value("x", None, full=False) == "-"
    assert show_value("fee_mist", 0, full=False) == "0 SUI"
    assert show_value("fee_mist", -5 * 10**8, full=False) == "-0.5 SUI"
    assert show_value("at_ms", 0, full=False) == "-"
    assert show_value("x", {"a": {"b": 1}}, full=False) == '{"a": {"b": 1}}'
    assert shorten("0x1") == "0x1"
    line = render_event({"type": "step", "task": TASK, "fee_mist": 10**9}, full=False)
    assert "step" in line
    assert "task=0xababab…ababab  fee=1 SUI" in line


async def test_status_says_what_the_machine_cannot_do(daemon) -> None:
    out = (await daemon.ctl("status")).out
    for text in ("cannot", "device", "there is no such GPU", "use the CPU"):
        assert text in out
