"""The contributor's part, through crashes and losses: the same bits, sent the same way."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.market.bench import DEK, SUBMISSION, Network, decisions, failures
from tests.support.market.damage import Damaging
from walrusd.chain.calls.delivery import OpeningAttempt
from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import CostRule, SubmissionState
from walrusd.core.pieces.keys import make_opening_keys
from walrusd.core.secrets import derive_recipient_secret
from walrusd.crypto.envelopes.contexts import Label
from walrusd.crypto.envelopes.openings import OpeningKey
from walrusd.crypto.envelopes.sealing import Envelope, unseal
from walrusd.crypto.keystore import KeyBundle
from walrusd.crypto.pedersen.pedersen import verify_commitment
from walrusd.engine.jobs import make_on_line
from walrusd.errors import ChainUnreachable
from walrusd.market.case import read_cases
from walrusd.market.fetch import Fetcher
from walrusd.market.keys import NO_PROOF, derive_own_secret, make_seat_context
from walrusd.services.contributor.committer import Committer
from walrusd.services.contributor.opener import Opener
from walrusd.services.contributor.trainer import Trainer
from walrusd.services.upkeep.key_sharer import KeySharer
from walrusd.units import normalize_address

KEYS = KeyBundle(*(bytes([3 + part]) * 32 for part in range(3)))


async def _train_and_commit(net: Network, tools) -> None:
    if SUBMISSION not in net.objects:
        net.join(tools.address)
        net.grant(tools.address, tools.keys.encryption_key)
    fetcher = Fetcher(tools)
    await Trainer(tools, fetcher).run_once()
    await Committer(tools, fetcher).run_once()
    (arguments,) = tools.contract.arguments("commit")
    net.submission.commitment = arguments[2]
    net.submission.state = SubmissionState.COMMITTED


async def test_a_commit_is_repeated_with_identical_values(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        net.join(tools.address)
        net.grant(tools.address, tools.keys.encryption_key)
        await Trainer(tools, Fetcher(tools)).run_once()
        tools.contract.fail["commit"] = [ChainUnreachable("down")]
        await Committer(tools, Fetcher(tools)).run_once()
        assert not tools.contract.sent
        saved = tools.work.get("commit", SUBMISSION)
    with net.daemon(tmp_path, "c") as tools:
        for _restart in range(2):
            await Committer(tools, Fetcher(tools)).run_once()
        first, second = tools.contract.sent
        assert first == second
        assert first[2]["cost_proof"].hex() == saved["cost_proof"]
        assert decisions(tools, SUBMISSION).count("committing") == 1


async def test_an_opening_is_journalled_with_whom_it_is_for(tmp_path: Path) -> None:
    net, verifier = Network(), normalize_address("0x5")
    with net.daemon(tmp_path, "c") as tools:
        await _train_and_commit(net, tools)
        net.seat(verifier, KEYS)
        await Opener(tools, Fetcher(tools)).run_once()
        (entry,) = (e for e in tools.journal.why(SUBMISSION) if e.decision == "opening")
        assert entry.fields == {"segments": sorted(net.segments()), "verifiers": [verifier]}


async def test_lost_state_is_made_again_with_the_same_bits(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        await _train_and_commit(net, tools)
        before = tools.work.get("trained", SUBMISSION)
    for leftover in (tmp_path / "c").iterdir():
        leftover.rename(tmp_path / f"lost-{leftover.name}")
    net.seat("0x" + "5" * 64, KEYS)
    with net.daemon(tmp_path, "c") as tools:
        await Opener(tools, Fetcher(tools)).run_once()
        assert not tools.contract.sent
        await Trainer(tools, Fetcher(tools)).run_once()
        again = tools.work.get("trained", SUBMISSION)
        assert again["trace_root"] == before["trace_root"]
        await Opener(tools, Fetcher(tools)).run_once()
        assert tools.contract.calls("open")
        assert "training" in decisions(tools, SUBMISSION)


@pytest.mark.parametrize("damage", ["update.bin", "state-000002.bin"])
async def test_a_damaged_file_is_noticed_and_trained_again(tmp_path: Path, damage: str) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        await _train_and_commit(net, tools)
        net.seat("0x" + "5" * 64, KEYS)
        path = tools.files.work / SUBMISSION / damage
        data = bytearray(path.read_bytes())
        data[11] ^= 1
        path.write_bytes(data)
        await Opener(tools, Fetcher(tools)).run_once()
        assert not tools.contract.calls("open")
        assert list(failures(tools, SUBMISSION)) == ["local.file"]
        await Trainer(tools, Fetcher(tools)).run_once()
        await Opener(tools, Fetcher(tools)).run_once()
        assert tools.contract.calls("open")


async def test_rows_damaged_on_our_disk_are_fetched_again(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        net.grant(tools.address, tools.keys.encryption_key)
        net.join(tools.address)
        fetcher = Fetcher(tools)
        path = tools.files.rows(net.version.row_root)
        first = await fetcher.rows_of(net.version, DEK)
        assert first.path == str(path)
        assert path.stat().st_mode & 0o077 == 0
        path.write_bytes(b"\xff" + path.read_bytes()[1:])
        assert await fetcher.rows_of(net.version, DEK) == first
        assert path.read_bytes() == b"".join(net.rows)
        assert first.digest == hashlib.sha256(path.read_bytes()).digest()
        assert first.count == len(net.rows)
        assert [p.suffix for p in path.parent.iterdir()] == [".rows"]


@pytest.mark.parametrize(
    "find",
    [lambda job: job.rows.path, lambda job: job.weights, lambda job: job.plan],
    ids=["rows", "weights", "plan"],
)
async def test_a_file_damaged_before_the_training_blames_no_plan(tmp_path: Path, find) -> None:
    """The last byte of the rows is a label: as it is now, no class."""
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        net.join(tools.address)
        net.grant(tools.address, tools.keys.encryption_key)
        damaged = replace(tools, training=Damaging(find))
        await Trainer(damaged, Fetcher(damaged)).run_once()
        await Committer(tools, Fetcher(tools)).run_once()
        assert tools.work.get("trained", SUBMISSION) is None
        assert not tools.contract.sent
        assert list(failures(tools, SUBMISSION)) == ["training.input"]
        await _train_and_commit(net, tools)
        assert "abort" not in tools.work.get("trained", SUBMISSION)


async def test_another_trace_than_the_committed_one_is_not_opened(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        await _train_and_commit(net, tools)
        tools.work.delete("trained", SUBMISSION)
        net.submission.commitment.trace_root = bytes(32)
        await Trainer(tools, Fetcher(tools)).run_once()
        assert tools.work.get("trained", SUBMISSION) is None
        assert list(failures(tools, SUBMISSION)) == ["training.device_refused"]


async def _open(net: Network, tools) -> OpeningAttempt:
    """Let the opener run, and the chain show the opening."""
    before = len(tools.contract.calls("open"))
    await Opener(tools, Fetcher(tools)).run_once()
    sent = tools.contract.arguments("open")[before:]
    ((_task, _submission, opened),) = sent
    net.submission.opening = ob.Opening(opened.blob, opened.digest, opened.p2, False, opened.cost)
    return opened


async def test_the_key_is_delivered_to_each_place_that_has_none_and_opens_for_its_seat(
    tmp_path: Path,
) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        await _train_and_commit(net, tools)
        net.seat("0x" + "5" * 64, KEYS)
        sharer = KeySharer(tools, Fetcher(tools))
        await sharer.run_once()
        assert not tools.contract.calls("deliver")
        opened = await _open(net, tools)
        await sharer.run_once()
        (sent,) = tools.contract.calls("deliver")
        (place,), (case,) = net.submission.committee, await read_cases(tools)
        opening = case.opening_context.digest()
        secret = derive_recipient_secret(KEYS, make_seat_context(case, place).digest())
        envelope = Envelope(sent["sealed"].r, sent["sealed"].c, NO_PROOF)
        value = unseal(envelope, secret, Label.WORK, OpeningKey(opening, opened.p2))
        assert value.derive_key() == make_opening_keys(derive_own_secret(tools, case)).work
        place.envelope = envelope.r + envelope.c
        await sharer.run_once()
        assert len(tools.contract.calls("deliver")) == 1


async def test_a_seat_whose_keys_are_not_found_is_tried_again(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        await _train_and_commit(net, tools)
        net.seat("0x" + "5" * 64, None)
        await _open(net, tools)
        known = net.objects.pop("recipients")
        await KeySharer(tools, Fetcher(tools)).run_once()
        assert not tools.contract.calls("deliver")
        assert list(failures(tools, SUBMISSION)) == ["chain.not_found"]
        net.objects["recipients"] = known
        await KeySharer(tools, Fetcher(tools)).run_once()
        assert len(tools.contract.calls("deliver")) == 1


async def test_another_attempt_is_all_made_anew_under_another_key(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        await _train_and_commit(net, tools)
        net.seat("0x" + "5" * 64, None)
        first = await _open(net, tools)
        net.submission.opening, net.submission.attempt = None, 2
        blob = net.submission.commitment.file_blob
        file = net.blobs.pop(blob)
        second = await _open(net, tools)
        assert net.blobs[blob] == file  # its loss may be what was reported
        assert (first.p2, first.blob) != (second.p2, second.blob)
        item = tools.work.get("open", SUBMISSION)
        assert (item["attempt"], int(item["blob"])) == (2, second.blob)
        assert decisions(tools, SUBMISSION).count("reopening") == 1
        assert [call["attempt"] for call in tools.contract.calls("open")] == [1, 2]


async def test_an_opening_that_was_interrupted_is_the_same_blobs(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        await _train_and_commit(net, tools)
        net.seat("0x" + "5" * 64, None)
        first = await _open(net, tools)
        tools.work.delete("open", SUBMISSION)  # as if it had been killed before it noted them
        net.submission.opening, stored = None, set(net.blobs)
        second = await _open(net, tools)
        assert (first.blob, first.digest, first.p2) == (second.blob, second.digest, second.p2)
        assert set(net.blobs) == stored


async def test_a_late_commitment_and_a_late_opening_are_told_once(tmp_path: Path) -> None:
    net = Network({"late_fee": 600, "grace": "6h", "train": "1h", "open": "1h"})
    with net.daemon(tmp_path, "c") as tools:
        net.join(tools.address)
        net.grant(tools.address, tools.keys.encryption_key)
        net.clock.ms += 2 * 3_600_000
        await _train_and_commit(net, tools)
        net.seat("0x" + "5" * 64, None)
        await _open(net, tools)
        late = [e for e in tools.journal.why(SUBMISSION) if e.decision == "late"]
        assert [(e.kind, e.fields["late_fee"]) for e in late] == [
            ("committer", 100),
            ("opener", 100),
        ]
        assert "1h late, which costs 0.0000001 SUI" in late[0].reason


async def test_the_verification_file_is_made_again_only_if_it_is_damaged(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        net.join(tools.address)
        net.grant(tools.address, tools.keys.encryption_key)
        await Trainer(tools, Fetcher(tools)).run_once()
        tools.contract.fail["commit"] = [ChainUnreachable("down")] * 3
        await Committer(tools, Fetcher(tools)).run_once()
        first = tools.work.get("commit", SUBMISSION)
        unstored = {key: value for key, value in first.items() if key != "file_blob"}
        tools.work.put("commit", SUBMISSION, unstored)  # as if killed before it was stored
        await Committer(tools, Fetcher(tools)).run_once()
        assert tools.work.get("commit", SUBMISSION) == first
        path = tools.files.own_verification_file(SUBMISSION)
        path.write_bytes(path.read_bytes()[:-1])
        tools.work.put("commit", SUBMISSION, unstored)
        await Committer(tools, Fetcher(tools)).run_once()
        again = tools.work.get("commit", SUBMISSION)
        assert again["file_digest"] != first["file_digest"]
        assert again["trace_root"] == first["trace_root"]


@pytest.mark.parametrize("rule", CostRule)
async def test_the_cost_is_told_to_the_chain_if_the_task_says_so(tmp_path: Path, rule) -> None:
    net = Network()
    net.terms.cost_rule = rule
    with net.daemon(tmp_path, "c") as tools:
        await _train_and_commit(net, tools)
        net.seat("0x" + "5" * 64, None)
        await Opener(tools, Fetcher(tools)).run_once()
        ((_task, _submission, opening),) = tools.contract.arguments("open")
        if rule == CostRule.PRIVATE:
            assert (opening.cost, opening.blinding) == (None, b"")
        else:
            assert opening.cost == tools.work.get("trained", SUBMISSION)["cost"]
            commitment = net.submission.commitment.cost_commitment
            verify_commitment(commitment, opening.cost, int.from_bytes(opening.blinding, "big"))


async def test_a_missing_grant_is_a_typed_failure(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        net.join(tools.address)
        await Trainer(tools, Fetcher(tools)).run_once()
        assert list(failures(tools, SUBMISSION)) == ["chain.not_found"]


async def test_progress_tells_nothing_that_proves_a_replay(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools, tools.broadcast.subscribe() as events:
        on_line = make_on_line(tools, "training", SUBMISSION)
        await on_line("segment", {"segment": 1, "chain": "aa", "slot_root": "bb", "losses": []})
        event = await events.__anext__()
        assert event["segment"] == 1
        assert not {"chain", "slot_root", "state_root", "leaf", "state"} & set(event)
