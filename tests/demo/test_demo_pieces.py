"""The seed's choices, the report's verdict, the plots, the board."""

import dataclasses
import io
import json
import random

import pytest
import trio
from rich.console import Console

from tests.demo.board import Board
from tests.demo.cast import (
    ACCOUNTS,
    CONTRIBUTORS,
    DATA,
    HELD_OUT_ROWS,
    ROW_BYTES,
    VERIFIERS,
    choose_cast,
    split_rows,
)
from tests.demo.config import compose_document
from tests.demo.patience import Patience
from tests.demo.phases import Phases
from tests.demo.plots import draw_text, write_png
from tests.demo.report import Report, SubmissionLine, describe_totals, make_table
from tests.demo.task import SEATS, make_plan, make_terms
from tests.demo.world import BrokenWorldError
from walrusd.core.detection import compute_detection
from walrusd.core.seats.eligibility import PARTIES, count_duties
from walrusd.runtime.groups import first_leaf
from walrusd.services.publisher.terms import read_terms
from walrusd.settings.load import settings_from_document
from walrusd.settings.model import Role
from walrusd.training.plan.plan import check_plan_for_rows, read_plan

NETWORK = {
    "sui_url": "http://127.0.0.1:1",
    "walrus_url": "http://127.0.0.1:2",
    "chain_id": "4btiuiMPvEENsttpZC7CZ53DruC3MAgfznDbASZ7DR6S",
    "package_id": "0x" + "1" * 64,
    "market_id": "0x" + "2" * 64,
    "pool_id": "0x" + "3" * 64,
}


def test_a_seed_always_makes_the_same_choices():
    assert choose_cast(5) == choose_cast(5)
    assert choose_cast(5) != choose_cast(6)


def test_seeds_change_the_cheat_the_accounts_the_weights_and_the_rows():
    casts = [choose_cast(seed) for seed in range(30)]
    assert {cast.cheat.name for cast in casts} == set(CONTRIBUTORS)
    assert len({cast.named("anna").account for cast in casts}) > 5
    assert len({cast.init_seed for cast in casts}) == 30
    assert len({cast.held_out for cast in casts}) == 30
    for cast in casts:
        accounts = [actor.account for actor in cast.actors]
        assert len(set(accounts)) == len(accounts) == 2 + len(CONTRIBUTORS) + len(VERIFIERS)
        assert set(accounts) <= set(range(ACCOUNTS))
        assert [actor.role for actor in cast.actors if actor.cheats] == [Role.CONTRIBUTOR]


def test_rows_are_split_without_loss_or_overlap():
    data = DATA.read_bytes()
    train, held_out = split_rows(data, random.Random(3))
    rows = [
        part[i : i + ROW_BYTES]
        for part in (train, held_out)
        for i in range(0, len(part), ROW_BYTES)
    ]
    assert sorted(rows) == sorted(data[i : i + ROW_BYTES] for i in range(0, len(data), ROW_BYTES))
    assert len(held_out) == HELD_OUT_ROWS * ROW_BYTES
    assert len(train) // ROW_BYTES == 1437
    assert train + held_out != data


def test_the_terms_replay_every_segment_and_leave_a_place_free(cast):
    plan = read_plan(make_plan(cast.init_seed))
    check_plan_for_rows(plan, len(cast.train) // ROW_BYTES)
    terms = read_terms(make_terms(len(CONTRIBUTORS)), plan)
    replayed = terms.committee * terms.segments_per_seat
    assert compute_detection(terms.segments, 1, replayed) == 1
    assert terms.max_submissions == len(CONTRIBUTORS) + 1
    # One address serves a submission once: as a seat, a substitute, or a juror of its cases.
    numbers = vars(terms)
    assert len(VERIFIERS) >= count_duties(numbers)
    assert SEATS * len(VERIFIERS) >= count_duties(numbers) + PARTIES


@pytest.mark.parametrize("name", ["publisher", "owner", "anna", "verifier1"])
def test_every_configuration_is_valid(cast, name, tmp_path):
    document = compose_document(cast.named(name), tmp_path / "s.sock", NETWORK)
    document["keys"] = {"keystore": "keystore", "kek_file": "kek"}
    settings = settings_from_document(document, tmp_path / "walrusd.toml")
    assert settings.daemon.roles == {cast.named(name).role}
    assert settings.daemon.threads == 1


def line(name, *, cheated=False, **changes):
    paid = SubmissionLine(
        name=name,
        contributor="0x1",
        cheated=cheated,
        outcome="rejected" if cheated else "accepted",
        reason="challenge_confirmed" if cheated else "attested",
        verifiers=("verifier1", "verifier2"),
        accuser="verifier1" if cheated else None,
        jurors=("verifier3",) if cheated else (),
        stake=2_000_000_000,
        payout=0 if cheated else 3_500_000_000,
        net=-2_000_000_000 if cheated else 1_490_000_000,
    )
    return dataclasses.replace(paid, **changes)


def report(*submissions, **changes):
    return Report(
        seed=1,
        submissions=list(submissions) or [line("anna"), line("ben"), line("dan", cheated=True)],
        aggregate_verified=True,
        file_verified=True,
        discrepancies=[],
        seconds={"start": 1.234, "total": 1.234},
        loss_curves={"anna": [2.3, 0.5], "dan": [2.2, 0.4]},
        **changes,
    )


def test_success_is_only_when_everybody_got_what_they_deserve():
    assert report().find_failures() == []
    bad = [
        report(line("anna", outcome="undecided"), line("dan", cheated=True)),
        report(line("anna", payout=2_000_000_000), line("dan", cheated=True)),
        report(line("anna"), line("dan", cheated=True, outcome="accepted", payout=1)),
        report(line("anna"), line("dan", cheated=True, payout=1)),
        report(line("anna"), line("ben")),
    ]
    bad += [report() for _ in range(3)]
    bad[5].aggregate_verified = False
    bad[6].file_verified = False
    bad[7].discrepancies = ["one Mist is missing"]
    for failed in bad:
        assert failed.find_failures()
        assert failed.to_json()["ok"] is False
    assert Report(seed=1).find_failures()


def test_the_report_is_json_with_the_promised_keys():
    document = json.loads(json.dumps(report(accuracy_before=0.1, accuracy_after=0.9).to_json()))
    assert document["ok"] is document["coins_conserved"] is document["aggregate_verified"] is True
    assert document["cheat"] == "dan"
    assert (document["accuracy_before"], document["accuracy_after"]) == (0.1, 0.9)
    assert document["seconds"] == {"start": 1.23, "total": 1.23}
    assert document["loss_curves"]["anna"] == [2.3, 0.5]
    first = document["submissions"][0]
    promised = {"contributor", "outcome", "verifiers", "stake", "payout", "reason"}
    assert promised <= first.keys()
    assert (first["stake"], first["payout"]) == (2_000_000_000, 3_500_000_000)


def test_the_table_and_the_sentences_name_the_cheat_and_the_money():
    console = Console(file=io.StringIO(), width=160)
    console.print(make_table(report()))
    for sentence in describe_totals(report(verifier_nets={"verifier1": 950_000_000}, gas=5)):
        console.print(sentence)
    text = console.file.getvalue()
    for expected in ("dan (cheat)", "slashed: challenge confirmed", "paid: attested", "3.5 SUI"):
        assert expected in text
    assert "v1 +0.95 SUI" in text
    assert "yes, to the Mist" in text


def test_the_plots_show_every_curve(tmp_path):
    curves = {"anna": [2.3, 1.0, 0.5], "dan": [2.2, 1.5, 0.4]}
    write_png(tmp_path / "loss.png", curves, "dan")
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
    text = draw_text(curves, "dan")
    assert "\x1b" not in text
    assert "anna" in text
    assert "dan (invented)" in text


def test_off_a_terminal_progress_is_plain_lines():
    board = Board(Console(file=io.StringIO(), width=40))
    with board.live():
        board.phase("Joining")
        board.tell("anna", "staked 2 SUI [really]" + "!" * 40)
        board.show("anna", "not a line")
    lines = board.console.file.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[1].endswith("staked 2 SUI [really]" + "!" * 40)


async def test_silence_is_explained_and_in_the_end_given_up(autojump_clock):
    board = Board(Console(file=io.StringIO(), width=200))
    board.tell("anna", "verifies the aggregate")
    patience = Patience(board, lambda: f"last: {board.last}", stalled_s=90)

    async def work():
        for _ in range(30):
            await trio.sleep(60)
            board.show("anna", "trains")

    with pytest.raises(BaseExceptionGroup) as caught:  # noqa: PT012 - either of the two may end it
        async with trio.open_nursery() as nursery:
            nursery.start_soon(patience.watch)
            nursery.start_soon(work)
    assert isinstance(first_leaf(caught.value), BrokenWorldError)
    assert "nothing has happened for 90 s; last: anna trains" in str(first_leaf(caught.value))
    assert trio.current_time() == pytest.approx(30 * 60 + 90, abs=2)
    lines = board.console.file.getvalue().splitlines()
    assert "for 20 s: last: anna verifies the aggregate" in lines[1]
    assert "for 40 s: last: anna verifies the aggregate" in lines[2]


def test_phases_add_up():
    phases = Phases(Board(Console(file=io.StringIO())))
    phases.begin("one", "First")
    phases.begin("two", "Second")
    phases.end()
    assert set(phases.seconds) == {"one", "two", "total"}
    assert phases.seconds["total"] == pytest.approx(phases.seconds["one"] + phases.seconds["two"])
