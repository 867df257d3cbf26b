"""Which call_id a recording gets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from speechkit.audio import content_hash


def name_calls(recordings: Sequence[Path], taken: Mapping[str, str] | None = None) -> dict[Path, str]:
    """Give each recording a call_id: its stem, with 8 digits of its content hash where two stems collide.

    `taken` maps ids to the sources of a corpus, as `Corpus.sources` does: a recording that is there already
    keeps its id, and no other recording gets it.

    >>> names = name_calls([Path("monday/c1.wav"), Path("monday/c2.wav")], {"c7": "monday/c2.wav"})
    >>> names[Path("monday/c1.wav")], names[Path("monday/c2.wav")]
    ('c1', 'c7')
    """
    known = {_place(source): call_id for call_id, source in (taken or {}).items()}
    stems = Counter(path.stem for path in recordings if _place(str(path)) not in known)
    used = set(taken or {})
    names: dict[Path, str] = {}
    for path in recordings:
        name = known.get(_place(str(path)))
        if name is None:
            name = path.stem
            if stems[name] > 1 or name in used:
                name = hashed = f"{path.stem}-{content_hash(path)[:8]}"
                number = 2
                while name in used:  # the same sound twice: whoever gives both wants both
                    name, number = f"{hashed}-{number}", number + 1
        names[path] = name
        used.add(name)
    return names


def _place(source: str) -> str:
    return source if "://" in source else str(Path(source).expanduser().resolve())
