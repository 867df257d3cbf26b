"""Who speaks for the company, and the names of its people, which stay."""

from __future__ import annotations

import pytest

from speechkit.transcripts.agents import find_company
from speechkit.transcripts.privacy import mask_texts

HELLO = "Larkfield Home, how can I help you?"


@pytest.mark.parametrize(
    ("lines", "keep", "speaker"),
    [
        pytest.param([("1", HELLO), ("2", "It broke.")], [], "1", id="who-greets?"),
        pytest.param([("1", "Hello?"), ("2", "This is Ann from Larkfield."), ("1", "Yes?")], ["Ann"], "2",
                     id="who-calls-a-customer?"),
        pytest.param([("2", "It is Paul here."), ("1", "Hi Paul, it broke."), ("1", "High Paul?")], ["Paul"], "2",
                     id="who-is-greeted-by-name?"),
        pytest.param([("1", "My lamp broke."), ("2", "I see. And your last name, Miss?")], [], "2",
                     id="who-asks-for-a-name?"),
        pytest.param([("1", "My lamp broke."), ("2", "Mine, too.")], [], None, id="nobody-knows?"),
        pytest.param([("1", HELLO), ("1", "It broke.")], [], None, id="one-speaker?"),
        pytest.param([], [], None, id="no-phrases?"),
    ],
)  # fmt: skip
def test_the_company_speaks(lines: list[tuple[str, str]], keep: list[str], speaker: str | None) -> None:
    assert find_company([text for _, text in lines], keep, [who for who, _ in lines]).speaker == speaker


@pytest.mark.parametrize(
    ("text", "speaker", "expected"),
    [
        pytest.param("My name is Megan.", "1", "My name is Megan.", id="an-agent-after-my-name-is?"),
        pytest.param("My name is Megan Price.", "2", "My name is [NAME].", id="a-customer-of-that-name?"),
        pytest.param("This is Megan Pudu I have.", "1", "This is Megan Pudu I have.", id="a-word-that-no-one-said?"),
        pytest.param("And this is Denise, good day.", "1", "And this is Denise, good day.", id="another-agent?"),
        pytest.param("And this is Denise Price.", "2", "And this is [NAME].", id="another-customer?"),
        pytest.param("Thanks, Meghan.", "2", "Thanks, Meghan.", id="an-agent-in-another-spelling?"),
        pytest.param("Thank you, Miss Meganson.", "1", "Thank you, Miss [NAME].", id="a-longer-surname?"),
        pytest.param("My colleague Paul will call.", "1", "My colleague Paul will call.", id="a-colleague?"),
    ],
)  # fmt: skip
def test_names_of_agents_stay(text: str, speaker: str, expected: str) -> None:
    assert mask_texts([HELLO, "It broke.", text], ["1", "2", speaker], ["Megan"])[2] == expected
