"""What the answers of a language model cost, and a limit that no new question crosses."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

from speechkit.errors import SettingsError

CHARACTERS_PER_TOKEN = 4
"""English text in the tokenizers of today's models, roughly; only used to reserve money before a question."""
ANSWER_TOKENS = 700
"""A generous answer: three sentences, five labels and some actions, each with its quote."""
CHARACTERS_PER_MOOD_TOKEN = 16
"""The mood of a turn takes some 12 tokens, and half of the turns, of 100 characters or so, are the customer's."""


@dataclass(frozen=True)
class Price:
    """What a model costs for a million tokens, in one currency, as its provider lists it.

    >>> Price(0.5, 2.0).of(1_000_000, 500_000)
    1.5
    """

    input_per_million: float
    output_per_million: float

    def of(self, tokens_in: int, tokens_out: int) -> float:
        """The cost of so many tokens."""
        return (tokens_in * self.input_per_million + tokens_out * self.output_per_million) / 1e6


@dataclass
class Budget:
    """Money that may be spent: reserved before a question, booked after it, by several threads.

    Without `price` nothing is counted; `limit` without `price` raises SettingsError.

    >>> budget = Budget(Price(1.0, 1.0), limit=0.0015)
    >>> budget.reserve(1000), budget.reserve(1000)
    (0.001012, None)
    """

    price: Price | None = None
    limit: float | None = None
    spent: float = 0.0
    _reserved: float = 0.0
    _lock: Lock = field(default_factory=Lock, repr=False)

    def __post_init__(self) -> None:
        """Refuse a limit that cannot be held."""
        if self.limit is not None and self.price is None:
            raise SettingsError("a cost limit needs the model's price: give price=Price(...) too")
        if self.limit is not None and self.limit < 0:
            raise SettingsError(f"the cost limit is {self.limit}: give 0 or more")

    def reserve(self, characters: int) -> float | None:
        """Set aside the estimated cost of a question of so many characters; None when the limit forbids
        it."""
        if self.price is None:
            return 0.0
        answer = ANSWER_TOKENS + characters // CHARACTERS_PER_MOOD_TOKEN
        estimate = self.price.of(characters // CHARACTERS_PER_TOKEN, answer)
        with self._lock:
            if self.limit is not None and self.spent + self._reserved + estimate > self.limit:
                return None
            self._reserved += estimate
        return estimate

    def book(self, reserved: float, tokens_in: int, tokens_out: int) -> float:
        """Replace what was reserved by what the tokens cost; answers that cost."""
        if self.price is None:
            return 0.0
        cost = self.price.of(tokens_in, tokens_out)
        with self._lock:
            self._reserved -= reserved
            self.spent += cost
        return cost
