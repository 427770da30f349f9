"""Hosted checks, issue forms and hooks before commits agree with pyproject, Makefile and pins."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.project.pins import PINS
from tests.support.node import LEAST_MAJOR

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[1].split())
FORMS = sorted(ROOT.glob(".github/ISSUE_TEMPLATE/*.yml"))


def read_yaml(path: Path) -> dict[Any, Any]:
    return yaml.safe_load(path.read_text("utf-8"))


WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
JOBS = {
    f"{path.stem}: {name}": job
    for path in WORKFLOWS
    for name, job in read_yaml(path)["jobs"].items()
}
STEPS = [(name, step) for name, job in JOBS.items() for step in job["steps"]]


def test_every_python_that_is_claimed_is_tested() -> None:
    prefix = "Programming Language :: Python :: 3."
    claimed = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if c.startswith(prefix)]
    assert JOBS["test: test"]["strategy"]["matrix"]["python"] == claimed
    assert PROJECT["requires-python"] == f">={claimed[0]}"
    single = {s["with"]["python-version"] for _, s in STEPS if "setup-python" in s.get("uses", "")}
    assert single <= {*claimed, "${{ matrix.python }}"}


def test_every_job_sets_up_python_and_runs_one_target_of_the_makefile() -> None:
    for name, job in JOBS.items():
        commands = [step["run"] for step in job["steps"] if "run" in step]
        assert len(commands) == 1, name
        assert commands[0].removeprefix("make ") in TARGETS, name
        assert any("setup-python" in step.get("uses", "") for step in job["steps"]), name
        assert job["timeout-minutes"] <= 90, name


def test_arm64_is_tested_without_node() -> None:
    (name,) = [name for name, job in JOBS.items() if job["runs-on"].endswith("-arm")]
    uses = [step.get("uses", "") for step in JOBS[name]["steps"]]
    assert not any("setup-node" in action for action in uses)
    assert {"run": "make test-python"} in JOBS[name]["steps"]


def test_actions_are_pinned_by_commit_each_to_one() -> None:
    text = "\n".join(path.read_text("utf-8") for path in WORKFLOWS)
    used = set(re.findall(r"uses: (\S+)@(\S+)(?:  # (v[\d.]+))?$", text, re.MULTILINE))
    assert len({action for action, _, _ in used}) == len(used)
    for action, commit, tag in used:
        assert re.fullmatch("[0-9a-f]{40}", commit), action
        assert tag, action
    assert text.count("uses:") == sum(text.count(f"{action}@") for action, _, _ in used)


def test_what_runs_there_may_only_read() -> None:
    for path in WORKFLOWS:
        assert read_yaml(path)["permissions"] == {"contents": "read"}


def test_node_is_one_that_the_sdks_support() -> None:
    nodes = [s["with"]["node-version"] for _, s in STEPS if "setup-node" in s.get("uses", "")]
    assert nodes
    assert all(int(node) >= LEAST_MAJOR for node in nodes)


def test_no_job_fetches_torch_for_cuda() -> None:
    for path in WORKFLOWS:
        env = read_yaml(path).get("env", {})
        needs_torch = any("audit" not in name for name in read_yaml(path)["jobs"])
        assert not needs_torch or env["TORCH_INDEX"].endswith("/cpu")


@pytest.mark.parametrize("path", [p for p in FORMS if p.stem != "config"], ids=lambda p: p.stem)
def test_an_issue_form_is_one(path: Path) -> None:
    form = read_yaml(path)
    assert form["name"]
    assert form["description"]
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    ids = [field["id"] for field in fields]
    assert len(set(ids)) == len(ids)
    for field in form["body"]:
        assert field["type"] in {"markdown", "textarea", "input", "dropdown", "checkboxes"}
        wanted = "value" if field["type"] == "markdown" else "label"
        assert field["attributes"][wanted]
        if field["type"] in {"dropdown", "checkboxes"}:
            assert field["attributes"]["options"]


def test_whoever_has_found_a_hole_is_sent_elsewhere() -> None:
    for path in (".github/ISSUE_TEMPLATE/bug.yml", ".github/ISSUE_TEMPLATE/config.yml"):
        assert "docs/security.md" in (ROOT / path).read_text("utf-8")


HOOKS = [
    hook
    for repository in read_yaml(ROOT / ".pre-commit-config.yaml")["repos"]
    for hook in repository["hooks"]
]


def test_hooks_use_the_tools_that_are_pinned() -> None:
    repositories = read_yaml(ROOT / ".pre-commit-config.yaml")["repos"]
    assert [r["repo"] for r in repositories] == ["local"], "another would bring its own versions"
    tools = {h["entry"].split()[0] for h in HOOKS if h["language"] == "system"}
    assert tools == {".venv/bin/ruff", ".venv/bin/mypy"}
    for tool in tools:
        assert Path(tool).name in PINS
        assert Path(tool).name in PROJECT["optional-dependencies"]["test"]


@pytest.mark.parametrize(
    ("name", "text", "refused"),
    [
        ("trailing-whitespace", "a \nb\n", True),
        ("trailing-whitespace", "a\r\nb\r\n", True),
        ("trailing-whitespace", "a\n  b\n", False),
        ("end-of-file", "a", True),
        ("end-of-file", "a\n\n", True),
        ("end-of-file", "a\n\nb\n", False),
        ("merge-conflict", "<<<<<<< HEAD\n", True),
        ("merge-conflict", "a <<<<<<< b\n", False),
    ],
)
def test_what_the_hooks_for_text_refuse(name: str, text: str, refused: bool) -> None:
    (hook,) = [hook for hook in HOOKS if hook["id"] == name]
    assert bool(re.search(hook["entry"], text, re.MULTILINE)) == refused
