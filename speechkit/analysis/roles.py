"""Who is the agent and who the customer: by channel where the telephone system keeps them apart, else by
evidence in what they say.

A guess is built from named pieces of evidence, each with its weight and the phrase it stands in, so that it
can be read, doubted and overruled. A weight is a logarithm of odds: 1.1 makes a role three times as likely,
3.0 twenty times. The weights were set by hand on the demo calls c01 to c08; docs/measurements.md says how
often they are right on calls that nobody looked at. They know English only: in another language the weak
evidence of who speaks first remains, which is not enough, and the roles stay unknown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute

from speechkit.analysis.timed import who
from speechkit.transcripts.parties import UNKNOWN

if TYPE_CHECKING:
    from speechkit.analysis.speakers import Tables
    from speechkit.analysis.timed import Floats, Ints

AGENT, CUSTOMER = "agent", "customer"

MIN_CONFIDENCE: Final = 0.8
"""A guess of less is not made: the role stays missing."""

# in which phrases of a call, counted from 0, people greet each other and answer a greeting
_ANYWHERE, _OPENING, _REPLY = range(1_000_000), range(3), range(1, 4)

# name, role, weight, phrases, pattern; matched in the display form without its case
_SAYINGS: Final = (
    (
        *("welcomes the caller", AGENT, 3.0, _OPENING),
        r"\b(?:thank you|thanks) for (?:calling|contacting|phoning)\b|\bwelcome to\b",
    ),
    (
        *("offers help", AGENT, 3.0, _ANYWHERE),
        r"\bhow (?:can|may|could) (?:i|we) (?:help|assist)\b|\bwhat can i do for you\b",
    ),
    ("calls for a company", AGENT, 2.0, _OPENING, r"\b(?:i am|i'm|this is)\b.*\bcalling (?:from|on behalf of)\b"),
    (
        *("checks who it is", AGENT, 2.0, _ANYWHERE),
        r"\b(?:what is|what's|may i have|can i have|can i take|could you (?:give|tell|confirm)|please confirm)\b"
        r".*\b(?:your|the) (?:\w+ ){0,3}(?:number|name|address|email|date|birth|digits|code|zip)\b",
    ),
    (
        *("keeps the caller on hold", AGENT, 2.0, _ANYWHERE),
        r"\b(?:put|place|keep) you on hold\b|\b(?:thank you|thanks) for (?:waiting|holding)\b"
        r"|\bbear with me\b|\b(?:let me|i will|i'll) (?:just )?(?:check|look|see|pull)\b",
    ),
    (
        *("asks for more to do", AGENT, 2.0, _ANYWHERE),
        r"\b(?:is there|was there) (?:any|some)thing else\b|\banything else (?:today|i can|we can|for you)\b"
        r"|\byou are welcome\b|\byou're welcome\b",
    ),
    (
        *("speaks for the company", AGENT, 1.5, _ANYWHERE),
        r"\bi can (?:see|offer|send|book|confirm)\b|\bour (?:\w+ )?(?:team|system|technician|engineer|plans?)\b"
        r"|\bwe (?:can|will) (?:send|offer|refund|replace|call you)\b|\bi have (?:just )?(?:refunded|booked|sent)\b"
        r"|\bi am sorry (?:about|to hear|for)\b|\bi understand\b|\bon your (?:account|line|order|bill)\b",
    ),
    (
        *("says why they call", CUSTOMER, 2.5, _ANYWHERE),
        r"\bi(?: am|'m| was)? call(?:ing|ed)? (?:about|because|to|for)\b|\b(?:i am|i'm) phoning\b"
        r"|\byou (?:over)?charged? me\b|\bi(?:'d| would) like to (?:cancel|speak|talk|complain|order|change|know)\b"
        r"|\bi (?:want|need) to (?:cancel|speak|talk|complain|order|change)\b",
    ),
    (
        *("speaks of what they bought", CUSTOMER, 1.5, _ANYWHERE),
        r"\bmy (?:\w+ ){0,2}(?:account|order|bill|invoice|internet|router|modem|phone|plan|delivery|parcel|package|"
        r"contract|connection|subscription|line|neighbou?r|address|card|name|number)\b"
        r"|\bi (?:ordered|bought|paid|waited|have been waiting)\b",
    ),
    ("greets the agent back", CUSTOMER, 1.0, _REPLY, r"^(?:hi|hello|good (?:morning|afternoon|evening))\b"),
)  # fmt: skip
_SPEAKS_FIRST: Final = 0.7  # who is called speaks first: the agent of an inbound call
_SOMEBODY: Final = r"\b(?:this is|my name is|i am|i'm)\b|\bspeaking\b"
_IS_NAMED: Final = 3.0  # "this is Megan", where the calls table says that the agent is Megan
_KINDS: Final = (
    *((name, role, weight) for name, role, weight, *_ in _SAYINGS),
    ("has the agent's name", AGENT, _IS_NAMED),
    *(("speaks first", role, _SPEAKS_FIRST) for role in (AGENT, CUSTOMER)),  # inbound, outbound
)


def roles(
    transcript: Tables,
    agent_channel: int | None = 0,
    *,
    guess: bool = True,
    given: Mapping[str, Mapping[str, str]] | None = None,
    min_confidence: float = MIN_CONFIDENCE,
) -> pd.DataFrame:
    """Tell agent from customer in each call.

    The answer has `call_id`, `party` (as `speakers.who` names it), `role` (`agent`, `customer`, or missing),
    `confidence` (0 to 1) and `evidence`, a sentence part. In turn decide:

    - `given`: by call and party, what you know better; in a call of two the other one follows from it;
    - the channel, in a call with two channels or more: `agent_channel` has the agent, None says nothing;
    - with `guess`, the `evidence` of what is said, where it gives a role at least `min_confidence`.

    Raises ValueError for a given role that is none, or of a call or party that is not there.

    >>> from types import SimpleNamespace as T
    >>> phrases = pd.DataFrame({"call_id": ["a", "a", "b", "b"], "speaker": [None, None, "1", "2"],
    ...                         "channel": [0, 1, 0, 0], "phrase_id": ["a:1", "a:2", "b:1", "b:2"],
    ...                         "display": ["Hello.", "Hello.", "How can I help you?", "My bill is wrong."]})
    >>> calls = pd.DataFrame({"call_id": ["a", "b"], "channels": [2, 1]})
    >>> roles(T(phrases=phrases, calls=calls))[["call_id", "party", "role", "evidence"]]
      call_id      party      role                    evidence
    0       a  channel 0     agent                     channel
    1       a  channel 1  customer                     channel
    2       b          1     agent   offers help, speaks first
    3       b          2  customer  speaks of what they bought
    """
    phrases, about = transcript.phrases, transcript.calls
    call, calls = pd.factorize(phrases["call_id"], sort=True)
    party, parties = pd.factorize(who(phrases), sort=True)
    _, first, pair = np.unique(call * len(parties) + party, return_index=True, return_inverse=True)
    channel = phrases["channel"].array.take(first)
    held = about["channels"].array.take(pd.Index(about["call_id"]).get_indexer(calls), allow_fill=True)
    apart = _numbers(held)[call[first]] >= 2
    apart &= ~pd.isna(channel) & (agent_channel is not None)
    names = parties.take(party[first])
    role = np.where(apart, np.where(_numbers(channel) == agent_channel, AGENT, CUSTOMER), "").astype(object)
    sure, why = np.where(apart, 1.0, np.nan), np.where(apart, "channel", "").astype(object)
    if guess and not apart.all():
        mono = np.flatnonzero(~apart[pair])
        found = _find(phrases.iloc[mono], about, call[mono], pair[mono])
        rows = np.flatnonzero(~apart & (names != UNKNOWN))
        role[rows], sure[rows], why[rows] = _guess(rows, call[first], found, min_confidence)
    told = pd.array([name or None for name in role], dtype="str")
    columns = {"party": names, "role": told, "confidence": sure, "evidence": pd.array(why, dtype="str")}
    answer = pd.DataFrame({"call_id": calls.take(call[first]), **columns})
    for call_id, known in (given or {}).items():
        _overrule(answer, call_id, known)
    return answer


def _numbers(values: Any) -> Floats:
    """A column of whole numbers, NaN where one is missing."""
    return np.asarray(pd.Series(values).to_numpy(np.float64, na_value=np.nan))


def evidence(transcript: Tables) -> pd.DataFrame:
    """List what speaks for a role: one row for each party and name of evidence, where it is first found.

    The answer has `call_id`, `party`, `evidence`, `role`, `weight`, `phrase_id` and `quote` (the phrase). The
    `agent` and `direction` columns of the calls are used where there are some.
    """
    phrases = transcript.phrases
    call, _ = pd.factorize(phrases["call_id"], sort=True)
    party, parties = pd.factorize(who(phrases), sort=True)
    found = _find(phrases, transcript.calls, call, call * len(parties) + party)
    names, roles, weights = zip(*_KINDS, strict=True)
    return pd.DataFrame(
        {
            "call_id": phrases["call_id"].array.take(found.row),
            "party": parties.take(party[found.row]),
            "evidence": pd.array(names, dtype="str").take(found.kind),
            "role": pd.array(roles, dtype="str").take(found.kind),
            "weight": np.array(weights)[found.kind],
            "phrase_id": phrases["phrase_id"].array.take(found.row),
            "quote": _text(phrases).array.take(found.row),
        }
    )


class _Found(NamedTuple):
    """Pieces of evidence: each kind once for each (call, party), these in order, the weightiest first."""

    row: Ints  # of the phrases
    pair: Ints  # the code of (call, party)
    kind: Ints  # place in _KINDS


def _find(phrases: pd.DataFrame, about: pd.DataFrame, call: Ints, pair: Ints) -> _Found:
    """Find the evidence in phrases of which the codes of the call, and of call and party, are given."""
    text, calls = _text(phrases), about.set_index("call_id")
    order = np.argsort(call, kind="stable")
    place = np.empty(len(call), np.int64)
    place[order] = np.arange(len(call)) - np.searchsorted(call[order], call[order])
    spoken = pa.array(text, pa.large_string())
    rows = []
    for *_, places, pattern in _SAYINGS:
        said = np.asarray(compute.match_substring_regex(spoken, pattern, ignore_case=True))
        rows.append(np.flatnonzero(said & (place >= places.start) & (place < places.stop)))
    named = np.zeros(0, np.int64)
    if "agent" in calls:  # a search for a name in each phrase takes long
        some = np.flatnonzero(compute.match_substring_regex(spoken, _SOMEBODY, ignore_case=True))
        agent = phrases["call_id"].iloc[some].map(calls["agent"]).fillna("").astype("str")
        own = [
            bool(a) and bool(_introduces(a).search(t)) for a, t in zip(agent, text.iloc[some], strict=True)
        ]
        named = some[np.array(own, dtype=bool)]
    opens = (place == 0) & (text != "").to_numpy()
    outbound = np.zeros(len(call), dtype=bool)
    if "direction" in calls:
        outbound = phrases["call_id"].map(calls["direction"]).eq("outbound").fillna(False).to_numpy(bool)
    rows += [named, np.flatnonzero(opens & ~outbound), np.flatnonzero(opens & outbound)]
    row, kind = np.concatenate(rows), np.repeat(np.arange(len(rows)), [len(part) for part in rows])
    _, first = np.unique(pair[row] * len(_KINDS) + kind, return_index=True)
    first = np.sort(first)
    weight = np.array([weight for *_, weight in _KINDS])[kind[first]]
    chosen = first[np.lexsort((-weight, pair[row[first]]))]
    return _Found(row[chosen], pair[row[chosen]], kind[chosen])


def _text(phrases: pd.DataFrame) -> pd.Series[str]:
    text = pd.Series(None, phrases.index, dtype="str")
    for name in ("display", "itn", "lexical"):
        text = text.fillna(phrases[name].astype("str")) if name in phrases else text
    return text.fillna("")


def named(table: pd.DataFrame, call_id: str) -> dict[str, str]:
    """Return what to call the parties of a call, for captions and players, from `roles`; only the sure ones.

    A role that several parties have names none of them.

    >>> table = pd.DataFrame({"call_id": "a", "party": ["1", "2"], "role": ["agent", None]})
    >>> named(table, "a")
    {'1': 'Agent'}
    """
    own = table[(table["call_id"] == call_id) & table["role"].notna()]
    own = own[~own["role"].duplicated(keep=False)]
    return {str(p): str(r).capitalize() for p, r in zip(own["party"], own["role"], strict=True)}


@lru_cache(maxsize=4096)
def _introduces(name: str) -> re.Pattern[str]:
    """How people say their own name when they answer or make a call."""
    return re.compile(
        rf"\b(?:this is|my name is|i am|i'm|{re.escape(name)} speaking)\b.*\b{re.escape(name)}\b", re.I
    )


def _guess(rows: Ints, call: Ints, found: _Found, least: float) -> tuple[Any, Floats, Any]:
    """Weigh the evidence of each of these parties against that of the others of its call.

    `call` is the call of every party. Returns their roles, empty where none is sure, how sure, and why.
    """
    signed = np.array([weight if role == AGENT else -weight for _, role, weight in _KINDS])
    lean: Floats = np.bincount(found.pair, signed[found.kind], len(call))[rows].astype(np.float64)
    own, size = call[rows], max(len(call), int(call.max(initial=0)) + 1)
    others = np.bincount(own, lean, size)[own] - lean
    lean = lean - others / np.maximum(np.bincount(own, minlength=size)[own] - 1, 1)
    sure = 1 / (1 + np.exp(-np.abs(lean)))
    why: dict[int, list[str]] = {}
    for pair, kind in zip(found.pair.tolist(), found.kind.tolist(), strict=True):
        why.setdefault(pair, []).append(_KINDS[kind][0])
    heard = np.isin(own, call[found.pair])
    role = np.where(sure < least, "", np.where(lean > 0, AGENT, CUSTOMER))
    reasons = [
        ", ".join(why.get(row, ["what the others say"] * bool(of)))
        for row, of in zip(rows.tolist(), heard, strict=True)
    ]
    return role, sure, np.array(reasons, dtype=object)


def _overrule(answer: pd.DataFrame, call_id: str, told: Mapping[str, str]) -> None:
    """Put what is given in place of what was found, and let the other one of two follow from it."""
    own = answer.index[answer["call_id"] == call_id]
    parties = dict(zip(answer.loc[own, "party"], own, strict=True))
    for party, role in told.items():
        if party not in parties or role not in (AGENT, CUSTOMER):
            there = ", ".join(parties) or "no party"
            raise ValueError(f"given={{{call_id!r}: {{{party!r}: {role!r}}}}}: the call has {there}; a role is "
                             f"{AGENT} or {CUSTOMER}.")  # fmt: skip
        _put(answer, parties[party], role, "given")
    rest = [row for party, row in parties.items() if party not in told]
    if len(parties) == 2 and len(rest) == 1:
        other = CUSTOMER if AGENT in told.values() else AGENT
        _put(answer, rest[0], other, "the other one is given")


def _put(answer: pd.DataFrame, row: int, role: str, why: str) -> None:
    answer.loc[row, "role"], answer.loc[row, "confidence"], answer.loc[row, "evidence"] = role, 1.0, why
