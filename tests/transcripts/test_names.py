"""Names that a recognizer garbled: found where a name is expected, by the words that it doubted."""

from __future__ import annotations

import re

import pytest

from speechkit.transcripts.privacy import mask_texts
from speechkit.transcripts.slots import SLOTS, TITLES, name_end


def heard(marked: str) -> tuple[str, dict[int, float]]:
    """A text without its marks, and its doubted words: `~word` has a confidence of 0.6, `~~word` one of 0.3."""
    text, doubted = "", {}
    for part in re.split(r"(~+)(?=\w)", marked):
        if set(part) == {"~"}:
            doubted[len(text)] = 0.6 if part == "~" else 0.3
        else:
            text += part
    return text, doubted


def masked(lines: list[tuple[str, str]], keep: list[str]) -> list[str]:
    texts, doubted = zip(*(heard(text) for _, text in lines), strict=True)
    return mask_texts(texts, [who for who, _ in lines], keep, doubted)


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        pytest.param("Thank you, Mr. ~~with me, ~~Esky. Let me open your bill.",
                     "Thank you, Mr. [NAME]. Let me open your bill.", id="words-for-a-name-and-a-comma-in-it?"),
        pytest.param("Can I spell it? My name is K. O. W. A. L. S. K. I.",
                     "Can I spell it? My name is [NAME].", id="a-last-letter-that-could-be-a-word?"),
        pytest.param("My name is Ann Mars, and I have one for ~~Clurie's Mars, from Ohio.",
                     "My name is [NAME], and I have one for [NAME], from Ohio.", id="a-word-before-it-hardly-heard?"),
        pytest.param("A deer which building is that mistress ~on ~very.",
                     "A deer which building is that mistress [NAME].", id="small-words-only?"),
        pytest.param("The owner does, Mr. ~Van der Mir has agreed to it.",
                     "The owner does, Mr. [NAME] has agreed to it.", id="van-der?"),
        pytest.param("My neighbour, Mrs. ~Costetla ~knows, has no warm water.",
                     "My neighbour, Mrs. [NAME], has no warm water.", id="a-verb-that-is-a-part-of-it?"),
        pytest.param("I see it here, Mr. ~A. ~~Squeeveville, it left on Monday.",
                     "I see it here, Mr. [NAME], it left on Monday.", id="a-letter-before-it?"),
        pytest.param("Is there anything else, Miss ~~F***?", "Is there anything else, Miss [NAME]?",
                     id="a-name-that-is-taken-for-a-coarse-word?"),
        pytest.param("Mr. Roach, ~it left Dayton on Monday.", "Mr. [NAME], it left Dayton on Monday.",
                     id="a-doubted-word-after-a-comma?"),
        pytest.param("Thank you, Mrs. Moreno, ~can I get the card?", "Thank you, Mrs. [NAME], can I get the card?",
                     id="a-small-doubted-word-after-it?"),
        pytest.param("My name ~~has ~~dreamed, and I moved.", "My name has [NAME], and I moved.",
                     id="my-name-has?"),
        pytest.param("This is ~to ~mash ~with ~me, ~~left's ~key. You took the payment.",
                     "This is [NAME]. You took the payment.", id="five-words-for-one?"),
        pytest.param("No, I am ~~Brentley, I am their son.", "No, I am [NAME], I am their son.",
                     id="one-doubted-word-after-i-am?"),
        pytest.param("Is it okay if I write Tom ~~daily on it?", "Is it okay if I write [NAME] on it?",
                     id="a-surname-that-became-a-word?"),
        pytest.param("My son Ryan ~dried to start it.", "My son [NAME] dried to start it.",
                     id="a-verb-after-a-name-that-was-heard-well?"),
        pytest.param("After five, ask for ~~either, please.", "After five, ask for [NAME], please.", id="ask-for?"),
        pytest.param("Yes, ~~alien, my son, let him in.", "Yes, [NAME], my son, let him in.", id="alien-my-son?"),
        pytest.param("My granddaughter Zofia ~~Brzek has the key.", "My granddaughter [NAME] has the key.",
                     id="a-granddaughter?"),
        pytest.param("Thank you, Mr. ~~Lang, ~can you see it?", "Thank you, Mr. [NAME], can you see it?",
                     id="small-words-after-a-comma?"),
        pytest.param("You get a paper by ~~Whittaker on Friday.", "You get a paper by Whittaker on Friday.",
                     id="a-surname-alone-that-was-doubted?"),
        pytest.param("It is ~happening ~~since ~we've ~~looked.", "It is happening since we've looked.",
                     id="it-is-and-small-words?"),
        pytest.param("Well, ~~Margaret then.", "Well, [NAME] then.", id="a-common-name-that-was-doubted?"),
        pytest.param("There is nobody, ~~flowers.", "There is nobody, flowers.", id="a-small-word-after-a-comma?"),
        pytest.param("He works at Miller and Sons on Irving Street.", "He works at Miller and Sons on Irving Street.",
                     id="a-firm-and-a-street?"),
        pytest.param("It was at Felipe's on Monday.", "It was at Felipe's on Monday.", id="a-place-of-felipe?"),
        pytest.param("I will see. It must be Zofia again.", "I will see. It must be [NAME] again.", id="it-must-be?"),
        pytest.param("I got a bill for a ~~veronica ~~salazar, but no.", "I got a bill for a [NAME], but no.",
                     id="a-common-name-in-small-letters?"),
        pytest.param("I think so. It is a ~note of ~the ~account.", "I think so. It is a note of the account.",
                     id="doubted-words-where-no-name-is?"),
        pytest.param("My wife ~bought it, and it is ~very ~slow.", "My wife bought it, and it is very slow.",
                     id="doubted-words-after-a-weak-place?"),
        pytest.param("We live near Lincoln Park and Franklin School.", "We live near Lincoln Park and Franklin School.",
                     id="a-park-and-a-school?"),
    ],
)  # fmt: skip
def test_one_phrase(marked: str, expected: str) -> None:
    assert masked([("customer", marked)], []) == [expected]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([("agent", "Your full name, please, and your address?"), ("customer", "~~He ~had ~all ~row.")],
                     ["Your full name, please, and your address?", "[NAME]."], id="an-answer-of-doubted-words?"),
        pytest.param([("agent", "Under which name?"), ("customer", "~Right, ~~wing, ~fry.")],
                     ["Under which name?", "[NAME]."], id="an-answer-with-commas?"),
        pytest.param([("agent", "Under which name?"), ("customer", "It should be ~~underground ~your ~mess here.")],
                     ["Under which name?", "It should be [NAME]."], id="an-answer-that-goes-to-its-end?"),
        pytest.param([("customer", "My name is Lamont Peter Min."), ("agent", "So I have Lamont ~~Peacherman, yes.")],
                     ["My name is [NAME].", "So I have [NAME], yes."], id="a-known-name-and-a-doubted-word?"),
        pytest.param([("agent", "Hello, this is Megan."), ("customer", "Yes."), ("agent", "Did he come on, ~Wunzi?")],
                     ["Hello, this is Megan.", "Yes.", "Did he come on, Wunzi?"], id="a-word-after-on-and-a-comma?"),
        pytest.param([("agent", "Who do I have on the line?"), ("customer", "~Corn ~costs. It broke.")],
                     ["Who do I have on the line?", "[NAME]. It broke."], id="who-do-i-have?"),
        pytest.param([("agent", "May I have your name?"), ("customer", "Why do ~you ask?")],
                     ["May I have your name?", "Why do you ask?"], id="an-answer-that-is-none?"),
        pytest.param([("agent", "Hello, this is Megan."), ("customer", "Bye."), ("agent", "Have a nice day, ~malik.")],
                     ["Hello, this is Megan.", "Bye.", "Have a nice day, [NAME]."], id="whom-the-agent-greets?"),
        pytest.param([("agent", "Hello, this is Megan."), ("customer", "No, thank you, ~maiden, bye.")],
                     ["Hello, this is Megan.", "No, thank you, maiden, bye."], id="whom-the-customer-thanks?"),
        pytest.param([("agent", "Hello, this is Megan."), ("agent", "It works now."), ("customer", "Thanks, Denise.")],
                     ["Hello, this is Megan.", "It works now.", "Thanks, Denise."], id="another-agent-who-is-thanked?"),
        pytest.param([("agent", "How can I help you? Hi, my name is Daniel ~Foster. It broke.")],
                     ["How can I help you? Hi, my name is [NAME]. It broke."], id="a-customer-in-a-greeting?"),
        pytest.param([("agent", "Larkfield help, this is Megan."), ("customer", "Hi, this is ~~Harris. It broke.")],
                     ["Larkfield help, this is Megan.", "Hi, this is [NAME]. It broke."], id="a-customer-second?"),
        pytest.param([("agent", "Hello, how can I help you?"), ("agent", "My name is Denise, and I do refunds.")],
                     ["Hello, how can I help you?", "My name is Denise, and I do refunds."], id="a-manager?"),
        pytest.param([("agent", "Your name and birthday?"), ("customer", "~Kevin ~march ~October 12, 1988.")],
                     ["Your name and birthday?", "[NAME] [DOB]."], id="a-name-that-runs-into-a-date?"),
        pytest.param([("agent", "What is her name, please?"), ("customer", "~more ~of ~~time, it starts at nine.")],
                     ["What is her name, please?", "[NAME], it starts at nine."], id="the-name-of-another?"),
        pytest.param([("agent", "Who am I speaking with?"), ("customer", "Hi Megan, it is Yolanda, ~perjured.")],
                     ["Who am I speaking with?", "Hi Megan, it is [NAME]."], id="an-agent-before-the-name?"),
        pytest.param([("customer", "My name is Wanda Sheppard."), ("agent", "I put ~sheppart on it.")],
                     ["My name is [NAME].", "I put [NAME] on it."], id="a-name-that-became-a-small-word?"),
        pytest.param([("agent", "May I have your name?"), ("customer", "Yes, ~that ~is ~it.")],
                     ["May I have your name?", "Yes, that is it."], id="plain-words-for-an-answer?"),
        pytest.param([("agent", "Great, and it goes to 14 Poplar Lane, Dayton."), ("customer", "It left Dayton.")],
                     ["Great, and it goes to [ADDRESS].", "It left Dayton."], id="a-town-at-the-end-of-an-address?"),
        pytest.param([("agent", "Ask for ~~all."), ("customer", "Is that all?")],
                     ["Ask for all.", "Is that all?"], id="a-plain-word-is-no-name?"),
    ],
)  # fmt: skip
def test_a_conversation(lines: list[tuple[str, str]], expected: list[str]) -> None:
    assert (
        masked([*lines, ("customer", "Okay then."), ("agent", "Good.")], ["Megan"])[: len(lines)] == expected
    )


@pytest.mark.parametrize(
    ("marked", "slot", "name"),
    [
        pytest.param("Peter J. Lang Yes", SLOTS[0], "Peter J. Lang", id="an-initial?"),
        pytest.param("Foster. ~What is it", SLOTS[0], "Foster", id="the-sentence-ends?"),
        pytest.param("~what ~you mean", TITLES[1], "", id="plain-words-only?"),
        pytest.param("~~Bao ~and ~~Gui, ~and is", SLOTS[0], "Bao and Gui", id="small-words-within?"),
        pytest.param("12 shops", SLOTS[0], "", id="digits?"),
        pytest.param("", SLOTS[0], "", id="nothing?"),
    ],
)
def test_how_far_a_name_goes(marked: str, slot: object, name: str) -> None:
    text, doubted = heard(marked)
    assert text[: name_end(text, 0, doubted, slot)] == name  # type: ignore[arg-type]
