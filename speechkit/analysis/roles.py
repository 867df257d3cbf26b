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
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute

from speechkit.analysis.timed import who
from speechkit.transcripts.parties import UNKNOWN

if TYPE_CHECKING:
    from speechkit.analysis.speakers import Tables

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
    phrases = transcript.phrases
    found = phrases[["call_id", "channel"]].assign(party=who(phrases)).drop_duplicates(["call_id", "party"])
    found = found.sort_values(["call_id", "party"], ignore_index=True)
    channels = found["call_id"].map(transcript.calls.set_index("call_id")["channels"])
    apart = ((channels >= 2).fillna(False) & found["channel"].notna()).to_numpy(bool)
    apart = apart & (agent_channel is not None)
    is_agent = (found["channel"] == agent_channel).fillna(False).to_numpy(bool)
    role = np.where(apart, np.where(is_agent, AGENT, CUSTOMER), "").astype(object)
    sure, why = np.where(apart, 1.0, np.nan), np.where(apart, "channel", "").astype(object)
    answer = found[["call_id", "party"]].assign(role=role, confidence=sure, evidence=why)
    if guess and not apart.all():
        mono = found.loc[~apart, "call_id"].unique()
        spoken = phrases[phrases["call_id"].isin(mono)]
        _guess(
            answer,
            _evidence(spoken, transcript.calls),
            ~apart & (found["party"] != UNKNOWN).to_numpy(),
            min_confidence,
        )
    for call_id, told in (given or {}).items():
        _overrule(answer, call_id, told)
    text = {"role": "str", "evidence": "str"}
    named = answer.astype(text)
    return named.assign(role=named["role"].where(named["role"] != ""))


def evidence(transcript: Tables) -> pd.DataFrame:
    """List what speaks for a role: one row for each party and name of evidence, where it is first found.

    The answer has `call_id`, `party`, `evidence`, `role`, `weight`, `phrase_id` and `quote` (the phrase). The
    `agent` and `direction` columns of the calls are used where there are some.
    """
    return _evidence(transcript.phrases, transcript.calls)


def _evidence(phrases: pd.DataFrame, about: pd.DataFrame) -> pd.DataFrame:
    text = pd.Series(None, phrases.index, dtype="str")
    for name in ("display", "itn", "lexical"):
        text = text.fillna(phrases[name].astype("str")) if name in phrases else text
    text = text.fillna("")
    place = phrases.groupby("call_id").cumcount().to_numpy()
    table = phrases[["call_id", "phrase_id"]].assign(party=who(phrases), quote=text)
    calls, spoken = about.set_index("call_id"), pa.array(text, pa.large_string())
    said = [
        np.flatnonzero(
            np.asarray(compute.match_substring_regex(spoken, pattern, ignore_case=True))
            & (place >= places.start) & (place < places.stop)
        )
        for *_, places, pattern in _SAYINGS
    ]  # fmt: skip
    saying = np.repeat(np.arange(len(said)), [len(rows) for rows in said])
    columns = {
        key: pd.array(np.array([row[at] for row in _SAYINGS])[saying], dtype=dtype)
        for at, (key, dtype) in enumerate({"evidence": "str", "role": "str", "weight": "float64"}.items())
    }
    parts = [table.iloc[np.concatenate(said)].assign(**columns)]
    if "agent" in calls:
        some = text.str.contains(_SOMEBODY, case=False)  # a search for a name in each phrase takes long
        agent = table["call_id"][some].map(calls["agent"]).fillna("").astype("str")
        pairs = zip(agent, text[some], strict=True)
        named = [bool(a) and bool(_introduces(a).search(t)) for a, t in pairs]
        rows = table[some][named]
        parts.append(rows.assign(evidence="has the agent's name", role=AGENT, weight=_IS_NAMED))
    inbound = "direction" not in calls or table["call_id"].map(calls["direction"]).ne("outbound")
    first = AGENT if inbound is True else np.where(inbound, AGENT, CUSTOMER)
    opens = table.assign(evidence="speaks first", role=first, weight=_SPEAKS_FIRST)
    parts.append(opens[(place == 0) & (text != "")])
    rows = pd.concat(parts).drop_duplicates(["call_id", "party", "evidence"])
    columns = ["call_id", "party", "evidence", "role", "weight", "phrase_id", "quote"]
    return rows.sort_values(["call_id", "party", "weight"], ascending=[True, True, False], ignore_index=True)[
        columns
    ]


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


def _guess(answer: pd.DataFrame, found: pd.DataFrame, chosen: Any, least: float) -> None:
    """Weigh the evidence of each party against that of the others of its call."""
    sign = np.where(found["role"] == AGENT, 1.0, -1.0)
    own = (found["weight"] * sign).groupby([found["call_id"], found["party"]]).sum()
    rows = answer.loc[chosen, ["call_id", "party"]]
    lean = pd.Series(own.reindex(pd.MultiIndex.from_frame(rows)).fillna(0.0).to_numpy(), rows.index)
    calls = lean.groupby(rows["call_id"])
    others = (calls.transform("sum") - lean) / (calls.transform("size") - 1).clip(lower=1)
    lean = lean - others
    sure = 1 / (1 + np.exp(-lean.abs()))
    role = lean.map(lambda x: AGENT if x > 0 else CUSTOMER).where(sure >= least, "")
    why = found.groupby(["call_id", "party"])["evidence"].agg(", ".join)
    names = why.reindex(pd.MultiIndex.from_frame(rows)).to_numpy(object)
    answer.loc[rows.index, "role"] = role.to_numpy(object)
    answer.loc[rows.index, "confidence"] = sure
    other = np.where(rows["call_id"].isin(found["call_id"]), "what the others say", "")
    answer.loc[rows.index, "evidence"] = np.where(pd.isna(names), other, names)


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
