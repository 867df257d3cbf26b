"""What was said when, by whom, and what the call was about: the truth beside the calls."""

from __future__ import annotations

from dialogue import PERSONAL, Dialogue, read_actions, read_list
from timeline import Timeline, speech

Row = dict[str, object]


def stm_lines(dialogue: Dialogue, timeline: Timeline) -> list[str]:
    """NIST STM: file, channel, speaker, start, end, words in lower case."""
    rows = sorted(timeline.segments, key=lambda s: (s.start_s, s.end_s))
    return [
        f"{dialogue.call_id} {s.channel} {s.speaker} {s.start_s:.3f} {s.end_s:.3f} {' '.join(s.words)}"
        for s in rows
    ]


def ctm_lines(dialogue: Dialogue, timeline: Timeline) -> list[str]:
    """NIST CTM: file, channel, start, duration, word, in time order within each channel."""
    words = sorted(
        (s.channel, start, end, word)
        for s in timeline.segments
        for (start, end), word in zip(s.spans, s.words, strict=True)
    )
    return [
        f"{dialogue.call_id} {channel} {start:.3f} {end - start:.3f} {word}"
        for channel, start, end, word in words
    ]


def rttm_lines(dialogue: Dialogue, timeline: Timeline) -> list[str]:
    """RTTM: one SPEAKER line for each stretch of speech, cut at silences of 0.3 s and more."""
    return [
        f"SPEAKER {dialogue.call_id} {s.channel} {start:.3f} {end - start:.3f} "
        f"<NA> <NA> {s.speaker} <NA> <NA>"
        for s, start, end in speech(timeline.segments)
    ]


def facts(dialogue: Dialogue, timeline: Timeline) -> Row:
    """Everything else that is true of a call, ready for JSON."""
    head = dialogue.head
    segments = sorted(timeline.segments, key=lambda s: (s.start_s, s.end_s))
    moods = {id(s): mood for s, mood in zip(timeline.segments, dialogue.moods, strict=True)}
    return {
        "reason": head["reason"],
        "outcome": head["outcome"],
        "resolved": head["resolved"],
        "mood_start": head["mood_start"],
        "mood_end": head["mood_end"],
        "actions": read_actions(head.get("actions", "")),
        "products": read_list(head.get("products", "")),
        **{key: read_list(head[key]) for key in ("promises", "said") if key in head},
        "blind": head["blind"] == "true",
        "format": head["format"],
        "channels": dialogue.channels,
        "duration_s": timeline.duration_s,
        "speakers": {name: dialogue.channel(name) for name in dialogue.voices},
        "voices": dialogue.voices,
        "holds": [{"start_s": round(a, 3), "end_s": round(b, 3)} for a, b in timeline.holds],
        "personal_data": [
            {
                "kind": mark.kind,
                "text": mark.text,
                "speaker": s.speaker,
                "channel": s.channel,
                "start_s": s.spans[mark.first][0],
                "end_s": s.spans[mark.last][1],
            }
            for s in segments
            for mark in s.marks
            if mark.kind in PERSONAL
        ],
        "turns": [
            {
                "speaker": s.speaker,
                "channel": s.channel,
                "start_s": s.start_s,
                "end_s": s.end_s,
                "text": s.text,
                **({"mood": mood} if (mood := moods[id(s)]) else {}),
            }
            for s in segments
        ],
    }
