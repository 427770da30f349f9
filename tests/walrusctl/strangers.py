"""A reply of each method in which every text is a stranger's, and a check of what is printed."""

import io
import re
from typing import Any

EVIL = (
    "\x1b[1A\x1b[2K\x1b]52;c;aGk=\x07 \x1b]0;t\x1b\\ a\rb\nerror: c\td \x7f\x80\x9b31m\x9d"
    "\u202egpj.exe\u202c\u2066\u2069\u200e\u061c\u200b\ufeff\u2028\u2029\ud800\U000e0041"
    "[bold red]x[/] :warning: e" + "\u0301" * 40
)
ID = "0x" + "ab" * 32
OTHER = "0x" + "cd" * 32

_TASK = {
    "task": ID, "publisher": OTHER, "mine": EVIL, "phase": EVIL, "phase_ms": 2**63,
    "opened_ms": 1_700_000_000_000, "parent": EVIL, "cost_rule": EVIL, "reward_mist": 10**9,
    "stake_mist": 2, "joined": 1, "max_submissions": 4, "accepted": 0,
    "datasets": [{"dataset": ID, "version": 1}], "plan_digest": EVIL,
}  # fmt: skip
_DATASET = {
    "dataset": ID, "owner": OTHER, "title": EVIL, "mine": False, "version": 1, "rows": 4,
    "row_bytes": 9, "row_root": "ab" * 32,
}  # fmt: skip
_REQUEST = {
    "request": ID, "state": EVIL, "title": EVIL, "dataset_title": EVIL, "reward_mist": 10**9,
    "task": OTHER, "scope": EVIL, "dataset": ID, "requester": OTHER, "owner": ID, "mine": True,
    "requested_ms": 1_700_000_000_000, "expires_ms": 2**64, "closed": EVIL,
}  # fmt: skip
_SUBMISSION = {
    "submission": ID, "contributor": OTHER, "state": EVIL, "reason": EVIL, "weight": 1,
    "stake_mist": 4, "cost": 3, "committee": [{"verifier": EVIL, "attested": 1}],
}  # fmt: skip
REPLIES: dict[str, dict[str, Any]] = {
    "status": {
        "version": EVIL, "address": ID, "roles": [EVIL, EVIL], "balance_mist": None,
        "healthy": False, "progress": {ID: {"line": EVIL, EVIL: [EVIL]}},
        "services": [{"name": EVIL, "state": EVIL, "since_ms": 1, "restarts": 3,
                      "last_error": {"code": EVIL, "message": EVIL, "hint": EVIL}}],
    },
    "task.publish": {
        "task": ID, "digest": EVIL, "locked_mist": 5,
        "warnings": [{"rule": EVIL, "sentence": EVIL, "advice": EVIL}],
    },
    "task.preview": {
        "title": EVIL, "already_open": None, "locked_mist": 5, "storage_paid_by": EVIL,
        "longest_life_duration_ms": 90_000,
        "deposits": [{"deposit": EVIL, "places": 2, "amount_mist": 5, "ends": EVIL}],
        "durations": [{"stage": EVIL, "duration_ms": 90_000, "when": EVIL}],
        "warnings": [{"rule": EVIL, "sentence": EVIL, "advice": EVIL}],
    },
    "task.list": {"tasks": [_TASK, _TASK]},
    "task.show": {
        **_TASK, "title": EVIL, "plan": {"version": 1, EVIL: {EVIL: EVIL}}, "plan_error": EVIL,
        "submissions": [_SUBMISSION], "model": {"weights": EVIL}, "decision": [EVIL, EVIL],
    },
    "task.estimate": {
        "task": ID, "join": False, "reason": EVIL, "coverage": 0.5,
        "rules": [{"rule": EVIL, "ok": False, "sentence": EVIL}],
        "deterrence": [{"forged_segments": 1, "detection": 0.25}],
        "warnings": [{"rule": EVIL, "sentence": EVIL, "advice": EVIL}],
    },
    "task.join": {"task": ID, "override": EVIL},
    "task.leave": {"task": ID, "override": EVIL},
    "task.aggregate": {"task": ID, "verified": True, "root": EVIL, "submissions": [ID, EVIL]},
    "task.costs": {
        "task": ID,
        "costs": [{"submission": ID, "contributor": OTHER, "state": EVIL, "final": 0.25,
                   "losses": [0.5] * 4000, "definition": EVIL, "why": EVIL}],
    },
    "dataset.add": {"dataset": ID, "version": 1, "rows": 4, "digest": EVIL},
    "dataset.list": {"datasets": [_DATASET, {**_DATASET, "description_error": EVIL}]},
    "dataset.show": {**_DATASET, "description": EVIL, "schema": {"kind": EVIL, EVIL: 1}},
    "dataset.search": {"datasets": [{**_DATASET, "description": EVIL}]},
    "keys.pending": {"requests": [_REQUEST, _REQUEST]},
    "keys.list": {"requests": [_REQUEST]},
    "keys.approve": {"request": ID, "digest": EVIL, "state": EVIL},
    "keys.deny": {"request": ID, "digest": EVIL, "state": EVIL},
    "task.cancel": {"task": ID, "digest": EVIL},
    "node.register": {"pool": ID, "seat": 1, "digest": EVIL},
    "node.preview": {"pool": EVIL, "stake_mist": 2, "fee_mist": 1, EVIL: EVIL},
    "node.declare": {"digest": EVIL, "seat": 1, "rate": 2, EVIL: EVIL},
    "node.renew": {"digest": EVIL, "seat": 1, "fee_mist": 2},
    "node.top_up": {"digest": EVIL, "amount_mist": 2},
    "node.balance": {"address": ID, "balance_mist": 1, "claimable_mist": 0, EVIL: EVIL},
    "node.stake": {"address": ID, "seats": [{"pool": EVIL, "seat": 2, EVIL: EVIL}],
                   "bound_mist": {ID: 2, EVIL: 1}},
    "node.exit": {"digest": EVIL},
    "node.withdraw": {"digest": EVIL},
    "why": {
        "subject": EVIL,
        "entries": [{"id": 1, "at_ms": 10**15, "subject": ID, "kind": EVIL, "decision": EVIL,
                     "reason": EVIL, "fields": {EVIL: EVIL, "rules": [[EVIL, True, EVIL]]},
                     "transaction": EVIL}],
        "outcome": [EVIL],
    },
}  # fmt: skip
_AS = {
    "task.preview": ("task", "publish", "--dry-run"),
    "node.preview": ("node", "register", "--dry-run"),
    "node.top_up": ("node", "top-up"),
}
"""The commands of the methods that are not named like them."""
COMMANDS: dict[str, tuple[str, ...]] = {
    method: (*_AS.get(method, method.split(".")), *arguments)
    for method, arguments in {
        "status": (), "task.publish": ("FILE", "--yes"), "task.preview": ("FILE",),
        "task.list": (), "task.show": (ID,), "task.estimate": (ID,), "task.join": (ID, "--yes"),
        "task.leave": (ID,), "task.aggregate": (ID,), "task.costs": (ID,),
        "dataset.add": ("x.csv", "--title", "t", "--yes"), "dataset.list": (),
        "dataset.show": (ID,), "dataset.search": ("x",), "keys.pending": (), "keys.list": (),
        "keys.approve": (ID,), "keys.deny": (ID, "--reason", "no"), "node.register": ("--yes",),
        "task.cancel": (ID, "--yes"), "node.preview": (), "node.declare": ("--rate", "2"),
        "node.renew": ("--yes",), "node.top_up": ("--yes",),
        "node.balance": (), "node.stake": (), "node.exit": (), "node.withdraw": (), "why": (ID,),
    }.items()
}  # fmt: skip
_OUR_STYLES = re.compile(r"\x1b\[(?:0|1|3|1;3|31)?m")


class Screen(io.StringIO):
    """Standard output on a terminal."""

    def isatty(self) -> bool:
        return True


def assert_harmless(output: str) -> None:
    """Check that nothing was printed but printable characters, line breaks, and our styles."""
    plain = _OUR_STYLES.sub("", output).replace("\n", "")
    assert plain.isprintable(), [c for c in plain if not c.isprintable()][:9]
    assert "\u0301" * 5 not in plain
    output.encode()
