"""One submission played through by agents: real draws and deals, audits by chance, no cryptography.

Money is exact: what one account gets another one gives; work is an account of its own.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from random import Random

from walrusd.core.dealing import compute_seat_segments
from walrusd.core.economics import Rules
from walrusd.core.protocol import compute_deal_seed, compute_juror_draw, compute_seat_draw

CONTRIBUTOR, PUBLISHER, ACCUSER = "contributor", "publisher", "accuser"
BURNED, WORK = "burned", "work"
SILENCE = 10
"""A silent seat loses so many fees (docs/contract.md)."""


class Behaviour(Enum):
    """What a seat does that is no colluder.

    A lazy one saves the replay and has no digest to vote with; a silent one is away; a credulous
    one votes with whatever digest it is offered.
    """

    HONEST = "honest"
    LAZY = "lazy"
    SILENT = "silent"
    CREDULOUS = "credulous"


@dataclass(frozen=True)
class Plot:
    """What the cheats of one submission do.

    ``forged`` segments of the contributor's are wrong; it spends work on the others unless
    ``idle``. ``helped``: colluding seats attest with its digests and vote for it in juries; where
    they are the whole committee, nobody gives an audit's jury the key.
    ``accused``: an outsider accuses the contributor, ``before`` the committee attests or ``after``,
    and colluding jurors vote for the accuser.
    """

    forged: int = 0
    idle: bool = False
    helped: bool = True
    has_digests: bool = True
    accused: str = ""


@dataclass
class Submission:
    """How it went: every account's change, the accounts of colluders, and the end.

    ``seats`` are the accounts of the committee as it ended, ``first`` the one of seat 0 as it was
    drawn; ``met`` says if an honest seat replayed
    a forged segment.
    """

    money: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    colluders: set[str] = field(default_factory=set)
    seats: list[str] = field(default_factory=list)
    first: str = ""
    end: str = ""
    met: bool = False


class Game:
    """The play of one submission under the rules of the protocol."""

    def __init__(
        self,
        rules: Rules,
        rng: Random,
        plot: Plot,
        *,
        pool: int,
        colluding: int,
        behaviours: Sequence[Behaviour] = (),
    ) -> None:
        """Take the rules and who cheats; ``behaviours`` are those of the first seats."""
        self.rules, self.rng, self.plot = rules, rng, plot
        self._pool, self._colluding = pool, colluding
        self._behaviours = dict(enumerate(behaviours))
        self._beacon, self._id = rng.randbytes(32), rng.randbytes(32)
        self._deal = compute_deal_seed(self._beacon, self._id)
        self._forged = set(rng.sample(range(1, rules.segments + 1), plot.forged))
        self._piece = int(rules.work_cost) // rules.segments
        self._drawn: list[int] = []
        self._first: set[int] = set()
        self._attested: dict[int, set[int]] = {}
        self._judged: set[int] = set()
        self._keyed: set[int] = set()
        self.result = Submission()

    def play(self) -> Submission:
        """Play it to its end."""
        honest_work = 0 if self.plot.idle else self.rules.segments - self.plot.forged
        self._spend(CONTRIBUTOR, honest_work)
        committee = list(self._draw(self.rules.committee))
        self._first = set(committee)
        names = self.result.seats = [self._name(index) for index in committee]
        self.result.first = names[0]
        if self._accuse("before") or self._verify(dict(enumerate(committee))):
            return self.result
        if self._accuse("after"):
            return self.result
        silent = [seat for seat in range(self.rules.committee) if seat not in self._attested]
        if silent:
            self._punish_silence(committee[seat] for seat in silent)
            for seat, index in zip(silent, self._draw(len(silent)), strict=True):
                committee[seat], names[seat] = index, self._name(index)
            if self._verify({seat: committee[seat] for seat in silent}):
                return self.result
            silent = [seat for seat in silent if seat not in self._attested]
            if silent:
                self._punish_silence(committee[seat] for seat in silent)
                self._pay_seats(PUBLISHER, set(self._attested))
                self.result.end = "undecided"
                return self.result
        if self._audit():
            return self.result
        self._pay(PUBLISHER, CONTRIBUTOR, self.rules.reward)
        self._pay_seats(PUBLISHER, set(self._attested))
        self.result.end = "accepted"
        return self.result

    # --- draws ----------------------------------------------------------------------------------

    def _draw(self, count: int) -> Iterator[int]:
        """Yield new seats, as the contract draws them."""
        attempt = 0
        while count:
            index = compute_seat_draw(self._beacon, self._id, attempt, self._pool)
            attempt += 1
            if index not in self._drawn:
                self._drawn.append(index)
                count -= 1
                yield index

    def _draw_jury(self) -> list[int]:
        beacon, found, attempt = self.rng.randbytes(32), [], 0
        while len(found) < self.rules.jury:
            index = compute_juror_draw(beacon, self._id, attempt, self._pool)
            attempt += 1
            if index not in found and index not in self._drawn:
                found.append(index)
        return found

    def _dealt(self, seat: int) -> list[int]:
        per_seat = self.rules.segments_per_seat
        return compute_seat_segments(self._deal, self.rules.segments, seat, per_seat)

    def _colludes(self, index: int) -> bool:
        return index < self._colluding

    def _name(self, index: int) -> str:
        name = f"seat {index}"
        if self._colludes(index):
            self.result.colluders.add(name)
        return name

    # --- the committee --------------------------------------------------------------------------

    def _verify(self, seats: dict[int, int]) -> bool:
        """Let seats do their part in order; return whether the submission ended."""
        accusers = []
        for seat, index in seats.items():
            dealt = self._dealt(seat)
            if self._helps(index):
                self._keyed.discard(seat)  # whom it replaced has no say any more
                # A copied commitment comes without digests: nobody can vote for it.
                if self.plot.has_digests:
                    self._attested[seat] = set(dealt)
                continue
            self._keyed.add(seat)
            behaviour = Behaviour.HONEST
            if index in self._first:
                behaviour = self._behaviours.get(seat, Behaviour.HONEST)
            if behaviour is Behaviour.CREDULOUS and self.plot.has_digests:
                self._attested[seat] = set(dealt)
            elif behaviour is Behaviour.HONEST:
                self._spend(self._name(index), len(set(dealt)))
                bad = [segment for segment in dealt if segment in self._forged]
                if bad:
                    self.result.met = True
                    accusers.append((index, bad[0]))
                else:
                    self._attested[seat] = set(dealt)
        return any(self._challenge(self._name(index), segment) for index, segment in accusers)

    def _helps(self, index: int) -> bool:
        return self.plot.helped and self._colludes(index) and not self.plot.accused

    def _punish_silence(self, indices: Iterable[int]) -> None:
        penalty = min(self.rules.verifier_stake, SILENCE * self.rules.verifier_fee)
        for index in indices:
            self._pay(self._name(index), BURNED, penalty)

    # --- juries ---------------------------------------------------------------------------------

    def _judge(self, segment: int, *, is_audit: bool = False) -> tuple[bool, list[str]]:
        """Return if a jury confirms that a segment is forged, and the jurors of the majority.

        Griefers lie for their accuser alone: in an audit a lie would cost their own seats' stakes.
        """
        truth = segment in self._forged
        votes: dict[bool, list[str]] = {True: [], False: []}
        for index in self._draw_jury():
            name = self._name(index)
            grieves = bool(self.plot.accused) and self._colludes(index) and not is_audit
            if grieves or self._helps(index):
                votes[bool(self.plot.accused)].append(name)
            else:
                self._spend(name, 1)
                votes[truth].append(name)
        verdict = len(votes[True]) > len(votes[False])
        return verdict, votes[verdict]

    def _challenge(self, accuser: str, segment: int) -> bool:
        """Bring a segment before a jury; return whether that ended the submission."""
        if segment in self._judged:
            return False
        self._judged.add(segment)
        confirmed, jurors = self._judge(segment)
        if confirmed:
            self._reject(segment, jurors, accuser)
            return True
        bond = self.rules.accuser_bond
        for juror in jurors:
            self._pay(accuser, juror, self.rules.juror_fee)
            bond -= self.rules.juror_fee
        self._pay(accuser, BURNED, bond)
        return False

    def _accuse(self, when: str) -> bool:
        if self.plot.accused != when:
            return False
        self.result.colluders.add(ACCUSER)
        return self._challenge(ACCUSER, self._dealt(0)[0])

    def _audit(self) -> bool:
        """Draw the audit; return whether it ended the submission."""
        if self.rng.randrange(10_000) >= self.rules.audit_bps:
            return False
        place = self.rng.randrange(self.rules.committee * self.rules.segments_per_seat)
        seat, position = divmod(place, self.rules.segments_per_seat)
        segment = self._dealt(seat)[position]
        if segment in self._judged:
            return False
        if self._is_kept():
            confirmed, jurors = self._judge_withheld()
        else:
            confirmed, jurors = self._judge(segment, is_audit=True)
        if confirmed:
            self._reject(segment, jurors, None)
            return True
        for juror in jurors:
            self._pay(PUBLISHER, juror, self.rules.juror_fee)
        return False

    def _is_kept(self) -> bool:
        """Whether the opening's key is with the ring alone, and to be kept from an audit's jury."""
        return bool(self._forged) and not self._keyed

    def _judge_withheld(self) -> tuple[bool, list[str]]:
        """Return if a jury says that it got no key, and the jurors of the majority."""
        votes: dict[bool, list[str]] = {True: [], False: []}
        for index in self._draw_jury():
            votes[not self._helps(index)].append(self._name(index))
        verdict = len(votes[True]) > len(votes[False])
        return verdict, votes[verdict]

    def _reject(self, segment: int, jurors: list[str], accuser: str | None) -> None:
        """Take the stakes of the forger and of who vouched for it; pay who worked.

        A jury that could not read the opening does not know who vouched for what.
        """
        rules, left = self.rules, self.rules.stake
        vouched = {seat for seat, dealt in self._attested.items() if segment in dealt}
        if accuser is None and self._is_kept():
            vouched = set()
        for seat in vouched:
            self._pay(self.result.seats[seat], BURNED, rules.verifier_stake)

        def pay(owner: str, amount: int) -> None:
            nonlocal left
            paid = min(left, amount)
            self._pay(CONTRIBUTOR, owner, paid)
            left -= paid

        for seat, name in enumerate(self.result.seats):
            if seat not in vouched:
                pay(name, rules.verifier_fee)
        for juror in jurors:
            pay(juror, rules.juror_fee)
        if accuser is not None:
            pay(accuser, rules.stake * rules.accuser_share_bps // 10_000)
        self._pay(CONTRIBUTOR, BURNED, left)
        self.result.end = "rejected"

    # --- money ----------------------------------------------------------------------------------

    def _pay(self, giver: str, taker: str, amount: int) -> None:
        self.result.money[giver] -= amount
        self.result.money[taker] += amount

    def _pay_seats(self, giver: str, seats: set[int]) -> None:
        for seat in seats:
            self._pay(giver, self.result.seats[seat], self.rules.verifier_fee)

    def _spend(self, who: str, segments: int) -> None:
        self._pay(who, WORK, segments * self._piece)
