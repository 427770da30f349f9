"""What came of it: the table for people, ``report.json`` for programs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

from tests.demo.plots import Curves
from walrusd.units import format_sui


@dataclass(frozen=True)
class SubmissionLine:
    """How one contributor fared. ``stake`` and ``payout`` in Mist; ``net`` is its balance's change.

    ``outcome`` and ``reason`` are the contract's names in lower case.
    """

    name: str
    contributor: str
    cheated: bool
    outcome: str
    reason: str
    verifiers: tuple[str, ...]
    accuser: str | None
    jurors: tuple[str, ...]
    stake: int
    payout: int
    net: int

    @property
    def is_just(self) -> bool:
        """Return whether the honest was paid, or the cheat slashed."""
        if self.cheated:
            return self.outcome == "rejected" and self.payout == 0
        return self.outcome == "accepted" and self.payout > self.stake

    def to_json(self) -> dict[str, Any]:
        """Return the line as it stands in ``report.json``."""
        return {
            "name": self.name,
            "contributor": self.contributor,
            "outcome": self.outcome,
            "reason": self.reason,
            "verifiers": list(self.verifiers),
            "accuser": self.accuser,
            "jurors": list(self.jurors),
            "stake": self.stake,
            "payout": self.payout,
            "net": self.net,
        }


@dataclass
class Report:
    """Everything that the demonstration found out. ``seconds`` is by phase."""

    seed: int
    submissions: list[SubmissionLine] = field(default_factory=list)
    accuracy_before: float = 0.0
    accuracy_after: float = 0.0
    aggregate_verified: bool = False
    file_verified: bool = False
    discrepancies: list[str] = field(default_factory=lambda: ["not counted"])
    seconds: dict[str, float] = field(default_factory=dict)
    loss_curves: Curves = field(default_factory=dict)
    verifier_nets: Mapping[str, int] = field(default_factory=dict)
    gas: int = 0
    burned: int = 0

    @property
    def coins_conserved(self) -> bool:
        """Return whether every Mist is accounted for."""
        return not self.discrepancies

    def find_failures(self) -> list[str]:
        """Return what is not as it must be, in sentences; an empty list is success."""
        wrong = [
            f"{line.name} ended as {line.outcome} ({line.reason}) with {line.payout} Mist"
            for line in self.submissions
            if not line.is_just
        ]
        if sum(line.cheated for line in self.submissions) != 1 or len(self.submissions) < 2:
            wrong.append("not exactly one cheat among several contributors took part")
        if not self.aggregate_verified:
            wrong.append("the aggregate was not verified")
        if not self.file_verified:
            wrong.append("a verification file did not verify offline")
        return wrong + self.discrepancies

    def to_json(self) -> dict[str, Any]:
        """Return the document of ``report.json``."""
        return {
            "seed": self.seed,
            "ok": not self.find_failures(),
            "failures": self.find_failures(),
            "cheat": next((line.name for line in self.submissions if line.cheated), None),
            "submissions": [line.to_json() for line in self.submissions],
            "verifiers": dict(self.verifier_nets),
            "accuracy_before": self.accuracy_before,
            "accuracy_after": self.accuracy_after,
            "aggregate_verified": self.aggregate_verified,
            "file_verified": self.file_verified,
            "coins_conserved": self.coins_conserved,
            "gas": self.gas,
            "burned": self.burned,
            "seconds": {name: round(value, 2) for name, value in self.seconds.items()},
            "loss_curves": {name: list(curve) for name, curve in self.loss_curves.items()},
        }


def make_table(report: Report) -> Table:
    """Return who staked, trained, was verified by whom, and was paid or slashed."""
    table = Table(title="Contributors", title_justify="left")
    for heading in ("who", "staked", "loss", "verified by", "judged by", "outcome"):
        table.add_column(heading, overflow="fold")
    for heading in ("payout", "balance"):
        table.add_column(heading, justify="right", overflow="fold")
    for line in report.submissions:
        table.add_row(
            f"{line.name} (cheat)" if line.cheated else line.name,
            format_sui(line.stake),
            _describe_loss(report.loss_curves.get(line.name, ())),
            _shorten(line.verifiers),
            _shorten(line.jurors) or "-",
            _describe_outcome(line),
            format_sui(line.payout),
            f"{'+' if line.net >= 0 else ''}{format_sui(line.net)}",
        )
    return table


def _describe_outcome(line: SubmissionLine) -> str:
    verdict = {"accepted": "paid", "rejected": "slashed"}.get(line.outcome, line.outcome)
    return f"{verdict}: {line.reason.replace('_', ' ')}"


def _shorten(verifiers: tuple[str, ...]) -> str:
    return " ".join(name.replace("verifier", "v") for name in verifiers)


def _describe_loss(curve: Any) -> str:
    return f"{curve[0]:.2f} > {curve[-1]:.2f}" if curve else "-"


def describe_totals(report: Report) -> list[str]:
    """Return the sentences below the table."""
    earned = ", ".join(
        f"{name.replace('verifier', 'v')} {'+' if net >= 0 else ''}{format_sui(net)}"
        for name, net in report.verifier_nets.items()
    )
    conserved = "yes, to the Mist" if report.coins_conserved else "NO"
    return [
        f"verifiers: {earned}",
        (
            f"accuracy on held-out digits: {report.accuracy_before:.1%} before, "
            f"{report.accuracy_after:.1%} after aggregation"
        ),
        f"aggregate verified by a contributor: {'yes' if report.aggregate_verified else 'NO'}",
        (
            f"coins conserved: {conserved} "
            f"({format_sui(report.gas)} gas, {format_sui(report.burned)} burned)"
        ),
    ]
