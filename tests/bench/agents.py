"""One submission played through by agents: real draws and deals, audits by chance, no cryptography.

Money is exact: what one account gets another one gives; work is an account of its own.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from random import Random

from walrusd.core.dealing import compute_seat_segments
from walrusd.core.incentives import GIVEN_ON, Rules
from walrusd.core.protocol import compute_deal_seed, compute_juror_draw, compute_seat_draw

CONTRIBUTOR, PUBLISHER, OUTSIDER = "contributor", "publisher", "outsider"
BURNED, WORK = "burned", "work"
FILE_CLAIMS = 3
"""How many accusations of outsiders may fail (docs/contract.md)."""
ROUNDS = 2
"""How often silent seats are replaced (docs/contract.md)."""


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
    ``slander``: colluding seats accuse the honest contributor, once each, and colluding jurors vote
    for them; ``claims`` outsiders accuse the file, for cash.
    """

    forged: int = 0
    idle: bool = False
    helped: bool = True
    has_digests: bool = True
    slander: bool = False
    claims: int = 0


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
        self._serving: list[int] = []
        self._waiting: list[int] = []
        self._committee: list[int] = []
        self._first: set[int] = set()
        self._tries: dict[int, int] = defaultdict(int)
        self._attested: dict[int, set[int]] = {}
        self._silenced: set[int] = set()
        self.result = Submission()

    def play(self) -> Submission:
        """Play it to its end."""
        honest_work = 0 if self.plot.idle else self.rules.segments - self.plot.forged
        self._spend(CONTRIBUTOR, honest_work)
        self._serving = self._draw(self.rules.committee + self.rules.substitutes)
        self._committee = self._serving[: self.rules.committee]
        self._waiting = self._serving[self.rules.committee :]
        self._first = set(self._committee)
        self.result.seats = [self._name(index) for index in self._committee]
        self.result.first = self.result.seats[0]
        self._verify() or self._claim_file() or self._audit() or self._accept()
        return self.result

    # --- draws ----------------------------------------------------------------------------------

    def _draw(self, count: int) -> list[int]:
        """Return seats that serve the submission, as the contract draws them from its list."""
        left = list(range(self._pool))
        return [
            left.pop(compute_seat_draw(self._beacon, self._id, attempt, len(left)))
            for attempt in range(count)
        ]

    def _draw_jury(self) -> list[int]:
        """Return the jury: everybody commits, so the alternates are not needed."""
        beacon = self.rng.randbytes(32)
        left = [index for index in range(self._pool) if index not in self._serving]
        return [
            left.pop(compute_juror_draw(beacon, self._id, attempt, len(left)))
            for attempt in range(self.rules.jury)
        ]

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

    def _verify(self) -> bool:
        """Let the seats work until all have attested; return whether the submission ended."""
        rounds = 0
        while True:
            for place in range(self.rules.committee):
                while place not in self._attested and place not in self._silenced:
                    if self._work(place):
                        return True
            if not self._silenced:
                return False
            rounds += 1
            self._punish_silence(self._committee[place] for place in self._silenced)
            if rounds > ROUNDS or len(self._waiting) < len(self._silenced):
                return self._end_undecided()
            for place in sorted(self._silenced):
                self._sit(place, self._waiting.pop(0))
            self._silenced.clear()

    def _sit(self, place: int, index: int) -> None:
        self._committee[place] = index
        self.result.seats[place] = self._name(index)

    def _work(self, place: int) -> bool:
        """Let the seat of a place do its part; return whether that ended the submission."""
        index = self._committee[place]
        dealt = self._dealt(place)
        if self._helps(index):
            # A copied commitment comes without digests: nobody can vote for it.
            return self._attest(place) if self.plot.has_digests else self._keep_silent(place)
        if self.plot.slander and self._colludes(index):
            return self._accuse(place, dealt[0])
        behaviour = Behaviour.HONEST
        if index in self._first:
            behaviour = self._behaviours.get(place, Behaviour.HONEST)
        if behaviour is Behaviour.CREDULOUS and self.plot.has_digests:
            return self._attest(place)
        if behaviour is not Behaviour.HONEST:
            return self._keep_silent(place)
        self._spend(self._name(index), len(set(dealt)))
        bad = [segment for segment in dealt if segment in self._forged]
        if not bad:
            return self._attest(place)
        self.result.met = True
        return self._accuse(place, bad[0])

    def _attest(self, place: int) -> bool:
        self._attested[place] = set(self._dealt(place))
        return False

    def _keep_silent(self, place: int) -> bool:
        self._silenced.add(place)
        return False

    def _helps(self, index: int) -> bool:
        return self.plot.helped and self._colludes(index) and not self.plot.slander

    def _punish_silence(self, indices: Iterable[int]) -> None:
        for index in indices:
            self._pay(self._name(index), BURNED, self.rules.silence)

    # --- cases ----------------------------------------------------------------------------------

    def _accuse(self, place: int, segment: int) -> bool:
        """Let the seat of a place accuse; if it comes to nothing the place is given on."""
        accuser = self.result.seats[place]
        confirmed, jurors = self._judge(segment in self._forged)
        if confirmed:
            self._reject(segment, jurors, accuser)
            return True
        self._pay_refuted(accuser, jurors)
        self._tries[place] += 1
        if self._tries[place] > GIVEN_ON or not self._waiting:
            return self._end_undecided()
        self._sit(place, self._waiting.pop(0))
        return False

    def _claim_file(self) -> bool:
        """Let outsiders accuse the file, which is right; return whether that ended it."""
        for _ in range(min(self.plot.claims, FILE_CLAIMS)):
            self.result.colluders.add(OUTSIDER)
            confirmed, jurors = self._judge(is_wrong=False)
            if confirmed:
                self._reject(None, jurors, OUTSIDER)
                return True
            self._pay_refuted(OUTSIDER, jurors)
        return False

    def _judge(self, is_wrong: bool, *, is_audit: bool = False) -> tuple[bool, list[str]]:
        """Return if a jury finds something wrong, and the jurors of the majority.

        Slanderers lie for their accusers alone: in an audit a lie would cost their own seats.
        """
        votes: dict[bool, list[str]] = {True: [], False: []}
        for index in self._draw_jury():
            name = self._name(index)
            slanders = self.plot.slander and self._colludes(index) and not is_audit
            if slanders or self._helps(index):
                votes[self.plot.slander].append(name)
            else:
                self._spend(name, 1)
                votes[is_wrong].append(name)
        verdict = len(votes[True]) > len(votes[False])
        return verdict, votes[verdict]

    def _pay_refuted(self, accuser: str, jurors: list[str]) -> None:
        for juror in jurors:
            self._pay(accuser, juror, self.rules.juror_fee)
        self._pay(accuser, BURNED, self.rules.silence)

    def _audit(self) -> bool:
        """Draw the audit; return whether it ended the submission."""
        if self.rng.randrange(10_000) >= self.rules.audit_bps:
            return False
        place = self.rng.randrange(self.rules.committee * self.rules.segments_per_seat)
        seat, position = divmod(place, self.rules.segments_per_seat)
        segment = self._dealt(seat)[position]
        if segment in self._forged and self._withholds():
            # Nobody gives the jury a key: never opened, and each seat that held it is silent.
            self._punish_silence(self._committee)
            self._pay(CONTRIBUTOR, BURNED, self.rules.stake)
            self.result.end = "rejected"
            return True
        confirmed, jurors = self._judge(segment in self._forged, is_audit=True)
        if confirmed:
            self._reject(segment, jurors, None)
            return True
        for juror in jurors:
            self._pay(PUBLISHER, juror, self.rules.juror_fee)
        return False

    def _withholds(self) -> bool:
        """Whether the ring holds the key alone, and loses less by keeping it from the jury."""
        rules = self.rules
        is_alone = all(self._helps(index) for index in self._committee)
        return is_alone and rules.committee * rules.silence < rules.verifier_stake

    # --- ends -----------------------------------------------------------------------------------

    def _accept(self) -> bool:
        self._pay(PUBLISHER, CONTRIBUTOR, self.rules.reward)
        self._pay_seats(set(self._attested))
        self.result.end = "accepted"
        return True

    def _end_undecided(self) -> bool:
        self._pay_seats(set(self._attested))
        self.result.end = "undecided"
        return True

    def _reject(self, segment: int | None, jurors: list[str], accuser: str | None) -> None:
        """Take the stakes of the forger and of who vouched for it; pay who worked."""
        rules, left = self.rules, self.rules.stake
        vouched = {seat for seat, dealt in self._attested.items() if segment in dealt}
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
            pay(accuser, rules.prize)
        self._pay(CONTRIBUTOR, BURNED, left)
        self.result.end = "rejected"

    # --- money ----------------------------------------------------------------------------------

    def _pay(self, giver: str, taker: str, amount: int) -> None:
        self.result.money[giver] -= amount
        self.result.money[taker] += amount

    def _pay_seats(self, seats: set[int]) -> None:
        for seat in seats:
            self._pay(PUBLISHER, self.result.seats[seat], self.rules.verifier_fee)

    def _spend(self, who: str, segments: int) -> None:
        self._pay(who, WORK, segments * self._piece)
