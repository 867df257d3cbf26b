"""Words that no dictionary holds, as phones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechkit.local.pronounce import pronounce

KNOWN = {"call": "K AO L", "back": "B AE K", "box": "B AA K S", "lamp": "L AE M P", "hub": "HH AH B"}
PHONES = frozenset(
    phone
    for row in (
        "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K",
        "L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH",
    )
    for phone in row.split()
)


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        pytest.param("callback", "K AO L B AE K", id="a-compound-of-known-words?"),
        pytest.param("lamps", "L AE M P S", id="a-plural-after-a-voiceless-sound?"),
        pytest.param("hub's", "HH AH B Z", id="a-genitive-after-a-voiced-one?"),
        pytest.param("box's", "B AA K S IH Z", id="a-genitive-after-a-hiss?"),
        pytest.param("lamps'", "L AE M P S", id="a-genitive-plural?"),
        pytest.param("lam'p", "L AE M P", id="an-apostrophe-inside?"),
        pytest.param("tv", "T IY V IY", id="letters-are-spelled?"),
        pytest.param("q", "K Y UW", id="one-letter?"),
        pytest.param("quovira", "K W AA V ER AH", id="a-name?"),
        pytest.param("yode", "Y OW D", id="a-silent-e?"),
        pytest.param("é", "AH", id="no-letter-that-it-knows?"),
    ],
)
def test_phones(word: str, phones: str) -> None:
    assert pronounce(word, KNOWN.get) == phones


@given(st.text("abcdefghijklmnopqrstuvwxyz'-é", min_size=1, max_size=25))
def test_always_phones_of_the_dictionary(word: str) -> None:
    phones = pronounce(word, KNOWN.get).split()
    assert phones
    assert set(phones) <= PHONES
    assert len(phones) <= 8 * len(word)
