"""The tables of ``walrusctl``: columns, headings, and the text for an empty one."""

Columns = tuple[tuple[str, str], ...]

# The columns of each list, by its key in the result: (key of the item, heading).
LISTS: dict[str, Columns] = {
    "tasks": (
        ("task", "task"),
        ("phase", "phase"),
        ("mine", "mine"),
        ("reward_mist", "reward"),
        ("stake_mist", "stake"),
        ("joined", "joined"),
        ("max_submissions", "max"),
        ("accepted", "accepted"),
        ("publisher", "publisher"),
    ),
    "datasets": (
        ("dataset", "dataset"),
        ("title", "title"),
        ("version", "version"),
        ("rows", "rows"),
        ("row_bytes", "row bytes"),
        ("mine", "mine"),
        ("owner", "owner"),
    ),
    "requests": (
        ("request", "request"),
        ("state", "state"),
        ("title", "title"),
        ("reward_mist", "reward"),
        ("task", "task"),
        ("scope", "scope"),
        ("dataset", "dataset"),
        ("requester", "requester"),
        ("requested_ms", "requested"),
        ("mine", "mine"),
        ("closed", "closed"),
    ),
    "entries": (
        ("at_ms", "when"),
        ("kind", "about"),
        ("decision", "decision"),
        ("reason", "reason"),
        ("fields", "facts"),
        ("transaction", "transaction"),
    ),
    "cannot": (("what", "cannot"), ("reason", "why"), ("hint", "what to do")),
    "services": (
        ("name", "service"),
        ("state", "state"),
        ("since_ms", "since"),
        ("restarts", "restarts"),
        ("last_error", "last error"),
    ),
    "troubles": (
        ("subject", "failing on"),
        ("service", "service"),
        ("code", "code"),
        ("message", "error"),
        ("hint", "what to do"),
        ("failures", "failures"),
        ("since_ms", "since"),
        ("next_ms", "next retry"),
    ),
    "rules": (("rule", "rule"), ("ok", "ok"), ("sentence", "why")),
    "deterrence": (
        ("forged_segments", "forged segments"),
        ("detection", "detected"),
        ("audit_detection", "detected if bribed"),
        ("income_mist", "income"),
        ("bribed_income_mist", "income if bribed"),
        ("break_even_stake_mist", "stake to deter"),
        ("bribed_break_even_stake_mist", "stake if bribed"),
    ),
    "rings": (
        ("seats", "seats"),
        ("ring", "colluding"),
        ("convicts_honest", "honest convicted"),
        ("stops_honest", "honest unpaid"),
        ("passes_forged", "forged accepted"),
        ("stops_forged", "forger keeps stake"),
    ),
    "parts": (
        ("part", "part"),
        ("size_bytes", "bytes"),
        ("limit_bytes", "limit"),
        ("fits", "fits"),
    ),
    "deposits": (
        ("deposit", "deposit"),
        ("places", "places"),
        ("place_mist", "a place"),
        ("amount_mist", "in all"),
        ("ends", "what becomes of it"),
    ),
    "durations": (("stage", "stage"), ("duration_ms", "at most"), ("when", "when")),
    "warnings": (("rule", "weak term"), ("sentence", "why"), ("advice", "what to do")),
    "submissions": (
        ("submission", "submission"),
        ("contributor", "contributor"),
        ("state", "state"),
        ("reason", "reason"),
        ("weight", "weight"),
        ("stake_mist", "stake"),
        ("cost", "cost"),
    ),
    "costs": (
        ("submission", "submission"),
        ("contributor", "contributor"),
        ("state", "state"),
        ("final", "final"),
        ("definition", "definition"),
        ("why", "why"),
        ("losses", "losses"),
    ),
}
PROSE = {
    *("title", "description", "reason", "fields", "last_error", "sentence", "advice", "why"),
    *("closed", "losses", "definition"),
}
"""Columns that may be wrapped; the others are copied, so they are not."""
PARAGRAPHS = {"description"}
"""Texts of a single object whose own line breaks are kept."""
EMPTY = {
    "tasks": "no tasks",
    "datasets": "no datasets",
    "requests": "no key requests",
    "entries": "no decisions about this id",
}
