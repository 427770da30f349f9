"""Writes ``docs/attacks.md`` from the table: ``python -m tests.attacks.document``."""

from pathlib import Path

from tests.attacks.attack import Attack, Culprit, Loss
from tests.attacks.table import ATTACKS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "attacks.md"
BEGIN = "<!-- made by python -m tests.attacks.document: begin -->\n"
END = "<!-- end -->\n"


def write_tables() -> str:
    """Return the tables of the document, one for each kind of culprit."""
    parts = [f"{len(ATTACKS)} attacks.\n"]
    for culprit in Culprit:
        rows = [attack for attack in ATTACKS.values() if attack.culprit is culprit]
        parts.append(f"\n### By {culprit.value}\n\n")
        parts.append(
            "| attack | what is done | caught by | ends as | costs the attacker | test |\n"
        )
        parts.append("| --- | --- | --- | --- | --- | --- |\n")
        parts += [_write_row(attack) for attack in rows]
    return "".join(parts)


def _write_row(attack: Attack) -> str:
    ends = [] if attack.end is None else [str(attack.end)]
    ends += [attack.outcome] if attack.outcome else []
    file, _, function = attack.test.partition("::")
    name = f"[{function.removeprefix('test_')}](../{file})"
    loss = attack.loss.value if attack.loss is not Loss.NOTHING else "gas"
    cells = (f"`{attack.name}`", attack.what, attack.caught_by, "; ".join(ends), loss, name)
    return f"| {' | '.join(cells)} |\n"


def put_tables(text: str) -> str:
    """Return a document with its tables replaced."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + write_tables() + END + after


if __name__ == "__main__":
    DOCUMENT.write_text(put_tables(DOCUMENT.read_text("utf-8")), "utf-8")
