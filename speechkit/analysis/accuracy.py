"""How many words of a transcript are right: word and character error rate, by whatever tells calls and words
apart.

The word error rate is (substitutions + deletions + insertions) / words of the reference, over the alignment
with the fewest errors, after both texts were brought to one form (`analysis.normalize`). A call with several
channels is scored channel by channel; else the phrases of a call are one row of words, in the order in which
they begin, and people who speak at once cost errors (`analysis.attribution` scores them speaker by speaker).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd

from speechkit.analysis.alignment import DELETION, HIT, INSERTION, KINDS, SUBSTITUTION
from speechkit.analysis.guards import check_channels, doubts, shared_calls, some
from speechkit.analysis.normalize import ENGLISH, Rules
from speechkit.analysis.rates import ErrorRate, Scores
from speechkit.analysis.rows import Rows, Texts, channel_of, lay_out, rate_of
from speechkit.analysis.significance import Interval, interval
from speechkit.analysis.streams import Form, Stream, by_channel, read_streams
from speechkit.analysis.word_classes import Names, classify
from speechkit.errors import TranscriptError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from speechkit.analysis.speakers import Tables

    Ints = NDArray[np.int64]

Channels = Literal["apart", "mixed"]
CLASS: Final = "class"
_WRONG: Final = [SUBSTITUTION, DELETION, INSERTION]


@dataclass(frozen=True, repr=False)
class Accuracy:
    """The scored calls: `total`, `by(...)`, `confusions()`, `interval`, and every word in `words`.

    `notes` say in sentences what a reader must know: calls that were not scored, empty texts, rates above 1.
    `calls` has what is known of the scored calls: the columns of the transcript, then of the reference.
    """

    rules: Rules
    form: Form
    channels: Channels
    notes: tuple[str, ...]
    calls: pd.DataFrame
    texts: Texts
    rows: Rows
    said: pd.DataFrame  # the phrases of the reference
    heard: pd.DataFrame  # the phrases of the transcript

    @property
    def total(self) -> ErrorRate:
        """The word error rate of all calls together."""
        return self.rows.rate

    @cached_property
    def interval(self) -> Interval:
        """The 95 % interval of the total, by bootstrap over calls."""
        table = self.by("call_id").table
        return interval(table["errors"].tolist(), table["words"].tolist())

    @cached_property
    def words(self) -> pd.DataFrame:
        """Every aligned word, in order.

        Columns: `call_id`, `channel`, `speaker` (of the reference; an inserted word has that of the word
        before it), `kind` (right, substituted, missing, inserted, joined), `reference` and `hypothesis`
        (missing where there is no word), `phrase_id` (of the hypothesis) and `start_s` (of the phrase of the
        reference, else of the hypothesis).
        """
        rows = self.rows
        own = _looked_up(self.said["start_s"], rows.said)
        return pd.DataFrame(
            {
                "call_id": self._column("call_id"),
                "channel": self._column("channel"),
                "speaker": self._column("speaker"),
                "kind": _coded(rows.kind, list(KINDS)),
                "reference": _coded(np.append(rows.said_ids, -1)[rows.reference], rows.words),
                "hypothesis": _coded(np.append(rows.heard_ids, -1)[rows.hypothesis], rows.words),
                "phrase_id": _looked_up(self.heard["phrase_id"], rows.heard),
                "start_s": own.fillna(_looked_up(self.heard["start_s"], rows.heard)),
            }
        )

    def by(self, column: str, names: Names = ()) -> Scores:
        """Score by `call_id`, `channel`, `speaker` (of the reference), `class`, or a column of the calls.

        By `class`, words are names (those of `names`, which may be lists by class: {"product": [...]}),
        numbers, function words and others; an inserted word counts for its own class. Words for which the
        column is missing stand under `unknown`. Raises TranscriptError for a column that no call has.
        """
        if column == CLASS:
            codes, groups = self._classes(names)
        elif column == "call_id":
            codes, groups = self._call, [str(call_id) for call_id in self.calls["call_id"]]
        else:
            codes, found = pd.factorize(self._column(column).astype("str").fillna("unknown"), sort=True)
            groups = [str(group) for group in found]
        size, calls = len(groups), len(self.calls)
        at = (codes * calls + self._call) * 5 + self.rows.kind
        counts = np.bincount(at, minlength=size * calls * 5).reshape(size, calls, 5)
        rates = {group: rate_of(counts[i].sum(axis=0)) for i, group in enumerate(groups)}
        return Scores(column, rates, pd.DataFrame([_row(column, g, counts[i]) for i, g in enumerate(groups)]))

    def recall(self, names: Names) -> pd.DataFrame:
        """Tell how often names were found, and how often they were written without having been said.

        One row for each word of each class of `names`, most frequent first: `class`, `word`, `said`, `found`,
        `written`, `false` (written, and not right), `recall` (found / said) and `precision` (found /
        written). A name of several words is counted word by word.
        """
        table = self.words[["kind", "reference", "hypothesis"]]
        said, heard, classes = self._class_of(0, names), self._class_of(1, names), self._classes(names)[1]
        right = table["kind"] == "right"
        wanted, written = said < len(classes) - 3, heard < len(classes) - 3
        counted = [
            table[["reference"]].assign(code=said)[wanted & table["reference"].notna()],
            table[["reference"]].assign(code=said)[wanted & right],
            table[["hypothesis"]].assign(code=heard)[
                written & table["hypothesis"].notna() & ~table["kind"].isin(["right", "joined"])
            ],
        ]
        columns = [
            frame.set_axis(["word", "code"], axis=1).astype({"word": "str"}).groupby(["code", "word"]).size()
            for frame in counted
        ]
        answer = pd.concat(columns, axis=1, keys=["said", "found", "false"]).fillna(0).astype("int64")
        answer["written"] = answer["found"] + answer["false"]
        answer["recall"] = answer["found"] / answer["said"].where(answer["said"] > 0)
        answer["precision"] = answer["found"] / answer["written"].where(answer["written"] > 0)
        answer = answer.reset_index().sort_values(["code", "said", "word"], ascending=[True, False, True])
        answer["class"] = [classes[int(code)] for code in answer["code"]]
        columns_of_answer = ["class", "word", "said", "found", "written", "false", "recall", "precision"]
        return answer[columns_of_answer].reset_index(drop=True)

    def confusions(self, top: int = 20) -> pd.DataFrame:
        """List the most frequent errors and where to listen to one of them.

        Columns: `kind`, `reference`, `hypothesis`, `times`, `calls` (in how many), and `call_id` and
        `start_s` of the first.
        """
        keys = ["kind", "reference", "hypothesis"]
        wrong = self.words[self.words["kind"].isin(["substituted", "missing", "inserted"])]
        groups = wrong.astype(dict.fromkeys(keys, "str")).groupby(keys, dropna=False, sort=False)
        table = groups.agg(
            times=("call_id", "size"),
            calls=("call_id", "nunique"),
            call_id=("call_id", "first"),
            start_s=("start_s", "first"),
        ).reset_index()
        return table.sort_values("times", ascending=False, kind="stable", ignore_index=True).head(top)

    def characters(self) -> ErrorRate:
        """The character error rate: letters and the spaces between words, over the same texts."""
        from rapidfuzz.distance import Levenshtein

        answer = ErrorRate(unit="character")
        for said, heard in self.texts.values():
            left, right = " ".join(said.words), " ".join(heard.words)
            tags = [op.tag for op in Levenshtein.editops(left, right)]
            changed, lost, new = (tags.count(tag) for tag in ("replace", "delete", "insert"))
            answer += ErrorRate(len(left), len(left) - changed - lost, changed, lost, new, "character")
        return answer

    def __repr__(self) -> str:
        return "\n".join([f"Accuracy({self.total}; {self.interval})", *self.notes])

    @cached_property
    def _call(self) -> Ints:
        """The place of each row's call in `calls`."""
        place = {call_id: i for i, call_id in enumerate(self.calls["call_id"])}
        return np.array([place[key[0]] for key in self.rows.keys], np.int64)[self.rows.text]

    def _column(self, column: str) -> pd.Series[Any]:
        """The value of a column for each aligned word."""
        if column == "channel":
            codes = np.array([channel_of(key[1]) for key in self.rows.keys], np.int64)[self.rows.text]
            return pd.Series(codes).astype("Int64").where(codes >= 0)
        if column == "speaker":
            return _looked_up(self.said["speaker"], self.rows.owner)
        if column not in self.calls:
            known = ", ".join(dict.fromkeys(["call_id", "channel", "speaker", CLASS, *self.calls]))
            raise TranscriptError(f"there is no column {column!r} to score by. The columns are: {known}.")
        return _looked_up(self.calls[column], self._call)

    def _classes(self, names: Names) -> tuple[Ints, list[str]]:
        """The class of each row: that of the reference's word, else that of the inserted one."""
        classes = classify(np.array([-1]), self.rows.words, names, self.rules)[1]
        own = self._class_of(0, names), self._class_of(1, names)
        return np.where(self.rows.reference >= 0, *own), classes

    def _class_of(self, side: int, names: Names) -> Ints:
        """The class of each row's word on one side; anything where there is none."""
        rows = self.rows
        ids, place = ((rows.said_ids, rows.reference), (rows.heard_ids, rows.hypothesis))[side]
        return classify(np.append(ids, -1), rows.words, names, self.rules)[0][place]


def score(
    reference: Tables,
    transcript: Tables,
    *,
    rules: Rules = ENGLISH,
    form: Form = "lexical",
    channels: Channels = "apart",
) -> Accuracy:
    """Score a transcript against a reference, the calls that both have.

    `reference` is a transcript too (`read_reference`, or the result of another mode). `form` is the text that
    is compared, `lexical` (as spoken) or `display`; where one is missing the other is taken.
    `channels="mixed"` scores the channels of a call as one row of words. Raises TranscriptError where no call
    is in both, where nothing was said in the reference, and where channels do not match.

    >>> from speechkit.transcripts.schema import Transcript
    >>> def one(text): return Transcript(pd.DataFrame({"call_id": ["c1"]}), pd.DataFrame(
    ...     {"call_id": ["c1"], "phrase_id": ["c1:0001"], "channel": [0], "lexical": [text]}))
    >>> result = score(one("you owe twenty two dollars by friday"), one("you owe $22 buy"))
    >>> result.total
    ErrorRate(28.6% of 7 words: 1 substituted, 1 missing, 0 inserted)
    >>> result.confusions()[["kind", "reference", "hypothesis", "times"]]
              kind reference hypothesis  times
    0  substituted        by        buy      1
    1      missing    friday        NaN      1
    """
    both, notes = shared_calls(reference, transcript)
    if channels not in ("apart", "mixed"):
        raise ValueError(f"channels={channels!r}: take 'apart' or 'mixed'.")
    merged = check_channels(both, reference, transcript) if channels == "apart" else set(both)
    sides = [read_streams(tables, _keys(tables, merged), rules, form) for tables in (reference, transcript)]
    wanted = set(both)
    keys = {key for side in sides for key in side if key[0] in wanted}
    nothing = Stream([], np.zeros(0, np.int64))
    order = sorted(keys, key=lambda key: (key[0], channel_of(key[1])))
    texts = {key: (sides[0].get(key, nothing), sides[1].get(key, nothing)) for key in order}
    if not any(said.words for said, _ in texts.values()):
        raise TranscriptError(f"the reference has no words for {some(both)}, so no rate can be given.")
    rows = lay_out(texts, compounds=rules.compounds)
    known = _known(both, reference, transcript)
    made = Accuracy(rules, form, channels, (), known, texts, rows, reference.phrases, transcript.phrases)
    heard: dict[str, int] = {}
    for (call_id, _), (_, stream) in texts.items():
        heard[call_id] = heard.get(call_id, 0) + len(stream.words)
    return replace(made, notes=(*notes, *doubts(made.by("call_id"), heard)))


def _keys(tables: Tables, merged: set[str]) -> Sequence[Hashable]:
    """The channel of each phrase, -1 in the calls that are one row of words."""
    calls = tables.phrases["call_id"]
    return [-1 if call in merged else key for call, key in zip(calls, by_channel(tables), strict=True)]


def _row(column: str, group: str, counts: Ints) -> dict[str, Any]:
    """A row of the table of scores, from the counts by call and kind."""
    said, errors = counts[:, [HIT, SUBSTITUTION, DELETION]].sum(axis=1), counts[:, _WRONG].sum(axis=1)
    here = (said + errors) > 0
    rate = rate_of(counts.sum(axis=0))
    ends = interval(errors[here].tolist(), said[here].tolist())
    return {column: group, "calls": int(here.sum()), "words": rate.total, "hits": rate.hits,
            "substitutions": rate.substitutions, "deletions": rate.deletions, "insertions": rate.insertions,
            "errors": rate.errors, "wer": rate.rate, "low": ends.low, "high": ends.high}  # fmt: skip


def _looked_up(column: pd.Series[Any], places: Ints) -> pd.Series[Any]:
    """The values of a column at some places, missing at -1."""
    return column.reset_index(drop=True).reindex(places).reset_index(drop=True)


def _coded(codes: Ints, words: list[str]) -> pd.Categorical[Any]:
    """A column of words that are given as places in a list, missing at -1."""
    categories: pd.Index[str] = pd.Index(words, dtype="str")
    return pd.Categorical.from_codes(codes, categories)


def _known(call_ids: list[str], reference: Tables, transcript: Tables) -> pd.DataFrame:
    frame = transcript.calls.set_index("call_id").reindex(call_ids)
    other = reference.calls.set_index("call_id").reindex(call_ids)
    return frame.join(other[[c for c in other if c not in frame]]).rename_axis("call_id").reset_index()
