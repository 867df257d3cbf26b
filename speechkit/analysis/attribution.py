"""Words and who said them: the error rate of transcripts that tell speakers apart.

- cpWER, the concatenated minimum-permutation word error rate: what each speaker of the reference said is
  compared with what one speaker of the transcript said, all in all in the way that costs least; a speaker
  left over on one side costs all the words (Watanabe et al., CHiME-6 challenge, 2020).
- WDER, the word diarization error rate: of the words that were recognized, right or wrong, the share that was
  given to the wrong speaker (Shafey et al., Joint speech recognition and speaker diarization via sequence
  transduction, Interspeech 2019). Unlike cpWER it does not count words that were missed or invented.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from speechkit.analysis.alignment import HIT, SUBSTITUTION, Compounds, Vocabulary, align, distance
from speechkit.analysis.guards import shared_calls, some
from speechkit.analysis.normalize import ENGLISH, Rules
from speechkit.analysis.rates import ErrorRate, Summable
from speechkit.analysis.streams import Form, Stream, by_party, read_streams
from speechkit.errors import TranscriptError
from speechkit.limits import MAX_SPEAKERS
from speechkit.transcripts.parties import UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from speechkit.analysis.speakers import Tables

    Ints = NDArray[np.int64]

NOBODY: Final = "nobody"


@dataclass(frozen=True, repr=False)
class SpeakerErrors(Summable):
    """The cpWER of one call or several.

    `words` are the errors of the words, `speakers` counts those of the reference, `missed` and `extra` the
    ones that have no partner on the other side. `assignment` names the partners of a single call.
    """

    words: ErrorRate = field(default_factory=ErrorRate)
    speakers: int = 0
    missed: int = 0
    extra: int = 0
    assignment: tuple[tuple[str, str], ...] = ()

    @property
    def rate(self) -> float:
        """Errors over the words of the reference."""
        return self.words.rate

    def __add__(self, other: SpeakerErrors) -> SpeakerErrors:
        if not isinstance(other, SpeakerErrors):
            return NotImplemented
        return SpeakerErrors(
            self.words + other.words,
            self.speakers + other.speakers,
            self.missed + other.missed,
            self.extra + other.extra,
        )

    def __repr__(self) -> str:
        found = f"{self.speakers} speakers, {self.missed} missed, {self.extra} extra"
        return f"SpeakerErrors(cpWER {self.words}; {found})"


@dataclass(frozen=True)
class WordAttribution(Summable):
    """The WDER of one call or several: `wrong` of `words` recognized words stand with another speaker."""

    words: int = 0
    wrong: int = 0

    @property
    def rate(self) -> float:
        """The share of the recognized words that is given to the wrong speaker; NaN without words."""
        return self.wrong / self.words if self.words else math.nan

    def __add__(self, other: WordAttribution) -> WordAttribution:
        if not isinstance(other, WordAttribution):
            return NotImplemented
        return WordAttribution(self.words + other.words, self.wrong + other.wrong)


@dataclass(frozen=True)
class Attribution:
    """cpWER and WDER by call, with `notes` on what was not scored."""

    calls: Mapping[str, SpeakerErrors]
    words: Mapping[str, WordAttribution]
    notes: tuple[str, ...]

    @property
    def total(self) -> SpeakerErrors:
        """The cpWER of all calls together."""
        return sum(self.calls.values(), SpeakerErrors())

    @property
    def total_words(self) -> WordAttribution:
        """The WDER of all calls together."""
        return sum(self.words.values(), WordAttribution())

    @property
    def table(self) -> pd.DataFrame:
        """One row a call: `call_id`, `words`, `errors`, `cpwer`, `speakers`, `missed`, `extra`, `wder`."""
        rows: list[dict[str, Any]] = [
            {"call_id": call_id, "words": one.words.total, "errors": one.words.errors, "cpwer": one.rate,
             "speakers": one.speakers, "missed": one.missed, "extra": one.extra,
             "wder": self.words[call_id].rate}
            for call_id, one in self.calls.items()
        ]  # fmt: skip
        return pd.DataFrame(rows)


def score_speakers(
    reference: Tables, transcript: Tables, *, rules: Rules = ENGLISH, form: Form = "lexical"
) -> Attribution:
    """Score who said what, the calls that both have: cpWER and WDER.

    A speaker is the `speaker` of a phrase, else its channel. Raises TranscriptError where no call is in both,
    for a reference without speakers, and for more than 35 speakers of a call on one side.

    >>> from speechkit.transcripts.schema import Transcript
    >>> def call(*said): return Transcript(pd.DataFrame({"call_id": ["c1"]}), pd.DataFrame(
    ...     [("c1", f"c1:{i}", s, t) for i, (s, t) in enumerate(said)],
    ...     columns=["call_id", "phrase_id", "speaker", "lexical"]))
    >>> said = call(("anna", "good morning"), ("ben", "hi anna"), ("anna", "how are you"))
    >>> heard = call(("1", "good morning"), ("2", "hi anna how"), ("1", "are you"))
    >>> score_speakers(said, heard).calls["c1"]
    SpeakerErrors(cpWER 28.6% of 7 words: 0 substituted, 1 missing, 1 inserted; 2 speakers, 0 missed, 0 extra)
    >>> score_speakers(said, heard).words["c1"]
    WordAttribution(words=7, wrong=1)
    """
    both, notes = shared_calls(reference, transcript)
    if set(by_party(reference)) <= {UNKNOWN}:
        raise TranscriptError("the reference does not say who speaks. Take an STM, or one with channels.")
    said, heard = (_by_call(t, rules, form) for t in (reference, transcript))
    calls = {}
    for call_id in both:
        own, other = said.get(call_id, {}), heard.get(call_id, {})
        for side, parties in (("reference", own), ("transcript", other)):
            if len(parties) > MAX_SPEAKERS:
                raise TranscriptError(
                    f"{call_id}: {len(parties)} speakers in the {side} ({some(set(parties), 3)}). Is the "
                    f"column of speakers right? At most {MAX_SPEAKERS} are scored."
                )
        calls[call_id] = cp_errors(own, other, compounds=rules.compounds)
    return Attribution(calls, _in_order(reference, transcript, both, rules, form), tuple(notes))


def _by_call(tables: Tables, rules: Rules, form: Form) -> dict[str, dict[str, list[str]]]:
    answer: dict[str, dict[str, list[str]]] = {}
    for (call_id, party), stream in read_streams(tables, by_party(tables), rules, form).items():
        if stream.words:
            answer.setdefault(call_id, {})[str(party)] = stream.words
    return answer


def cp_errors(
    said: Mapping[str, Sequence[str]], heard: Mapping[str, Sequence[str]], *, compounds: bool = False
) -> SpeakerErrors:
    """Return the cpWER of one call from the words of each speaker, as they are.

    >>> cp_errors({"anna": ["hello", "ben"], "ben": ["hi"]}, {"1": ["hi"], "2": ["hello", "again"]}).assignment
    (('anna', '2'), ('ben', '1'))
    """
    vocabulary = Vocabulary()
    own, other = ([vocabulary.ids(words) for words in side.values()] for side in (said, heard))
    joined = Compounds(vocabulary.words) if compounds else None
    none = np.zeros(0, np.int64)
    size = max(len(own), len(other))
    left, right = own + [none] * (size - len(own)), other + [none] * (size - len(other))
    partners = _cheapest([[distance(a, b) for b in right] for a in left])
    errors, pairs = ErrorRate(), []
    names = [*said, *[NOBODY] * (size - len(own))], [*heard, *[NOBODY] * (size - len(other))]
    for i, j in enumerate(partners):
        hits, changed, missing, new = align(left[i], right[j], joined).counts
        errors += ErrorRate(hits + changed + missing, hits, changed, missing, new)
        pairs.append((names[0][i], names[1][j]))
    fewer, more = len(own) - len(other), len(other) - len(own)
    return SpeakerErrors(errors, len(own), max(0, fewer), max(0, more), tuple(pairs))


def _cheapest(costs: list[list[int]]) -> list[int]:
    """For each row the column that it is given, so that the sum of the costs is the least."""
    from scipy.optimize import linear_sum_assignment

    if not costs:
        return []
    return [int(j) for j in linear_sum_assignment(np.array(costs))[1]]


def _in_order(
    reference: Tables, transcript: Tables, call_ids: list[str], rules: Rules, form: Form
) -> dict[str, WordAttribution]:
    """The WDER of each call: its words in one row, aligned, and their speakers mapped as well as can be."""
    sides = []
    for tables in (reference, transcript):
        party = np.array(by_party(tables), dtype=object)
        whole = read_streams(tables, [0] * len(party), rules, form)
        sides.append({key[0]: (stream, party) for key, stream in whole.items()})
    nothing = Stream([], np.zeros(0, np.int64)), np.zeros(0, dtype=object)
    return {
        call_id: _call_words(sides[0].get(call_id, nothing), sides[1].get(call_id, nothing), rules)
        for call_id in call_ids
    }


def _call_words(said: tuple[Stream, Any], heard: tuple[Stream, Any], rules: Rules) -> WordAttribution:
    vocabulary = Vocabulary()
    left, right = vocabulary.ids(said[0].words), vocabulary.ids(heard[0].words)
    rows = align(left, right, Compounds(vocabulary.words) if rules.compounds else None)
    paired = np.isin(rows.kind, (HIT, SUBSTITUTION))
    if not paired.any():
        return WordAttribution()
    own, owners = pd.factorize(said[1][said[0].phrase[rows.reference[paired]]])
    other, others = pd.factorize(heard[1][heard[0].phrase[rows.hypothesis[paired]]])
    together = np.zeros((len(owners), len(others)), np.int64)
    np.add.at(together, (own, other), 1)
    from scipy.optimize import linear_sum_assignment

    best = int(together[linear_sum_assignment(-together)].sum())
    return WordAttribution(int(paired.sum()), int(paired.sum()) - best)
