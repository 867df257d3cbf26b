"""Personal data: found in the forms that people read and in those that they speak, and nothing else."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechkit.transcripts.digits import UNITS, digit_runs
from speechkit.transcripts.privacy import KINDS, find_personal, mask_texts, passes_luhn
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        pytest.param("My card is 4111 1111 1111 1111.", "My card is [CARD].", id="card-in-groups?"),
        pytest.param("It is 4111-1111-1111-1111, okay?", "It is [CARD], okay?", id="card-by-its-check-digit?"),
        pytest.param("It is four one one one, one one one one, one one one one, one one one one.", "It is [CARD].",
                     id="card-spoken?"),
        pytest.param("The card ends in nine zero two six.", "The card ends in [CARD].", id="last-four-of-a-card?"),
        pytest.param("The security code on my card is 319.", "The security code on my card is [CARD].",
                     id="code-of-a-card?"),
        pytest.param("Call me at 555-010-0142.", "Call me at [PHONE].", id="phone?"),
        pytest.param("It's (555) 010 0142.", "It's [PHONE].", id="phone-without-a-cue?"),
        pytest.param("My cell is five five five, oh one oh, zero one four two.", "My cell is [PHONE].",
                     id="phone-spoken?"),
        pytest.param("My cell is double five five, zero one zero, zero one forty two.", "My cell is [PHONE].",
                     id="phone-with-double-and-forty?"),
        pytest.param("Write to d.foster@example.com.", "Write to [EMAIL].", id="email?"),
        pytest.param("It is daniel dot foster at example dot com.", "It is [EMAIL].", id="email-spoken?"),
        pytest.param("It is Daniel.Foster at example.com please.", "It is [EMAIL] please.", id="email-half-written?"),
        pytest.param("It is jo underscore b at mail dot example dot org.", "It is [EMAIL].",
                     id="email-with-underscore?"),
        pytest.param("My account number is 742 9013.", "My account number is [ACCOUNT].", id="account?"),
        pytest.param("Account number seven four two, nine zero one, three.", "Account number [ACCOUNT].",
                     id="account-spoken?"),
        pytest.param("I was born on May 4th, 1971.", "I was born on [DOB].", id="born?"),
        pytest.param("Born the fourth of May nineteen seventy one.", "Born the [DOB].", id="born-spoken?"),
        pytest.param("Date of birth 10/12/1988.", "Date of birth [DOB].", id="born-in-digits?"),
        pytest.param("Send it to 18 Maple Court, Columbus, Ohio.", "Send it to [ADDRESS].", id="address?"),
        pytest.param("I live at twenty seven Orchard Street.", "I live at [ADDRESS].", id="address-spoken?"),
        pytest.param("My name is Daniel Foster.", "My name is [NAME].", id="my-name-is?"),
        pytest.param("my name is peter lang", "my name is [NAME]", id="my-name-is-in-lower-case?"),
        pytest.param("I gave it to Monica Reyes at the door.", "I gave it to [NAME] at the door.", id="a-common-name?"),
        pytest.param("Hawkins is on the bell.", "[NAME] is on the bell.", id="a-common-surname?"),
        pytest.param("It came in May, Mark it.", "It came in May, Mark it.", id="names-that-are-words?"),
        pytest.param("K, E, L, L, E, R.", "[NAME].", id="letters-one-by-one?"),
        pytest.param("The email is jo at blue sky dot calm.", "The email is [EMAIL].", id="email-misheard?"),
        pytest.param("This is Megan from Larkfield.", "This is Megan from Larkfield.", id="the-agent?"),
        pytest.param("Thank you, Mister Lang.", "Thank you, Mister [NAME].", id="mister?"),
        pytest.param("Hi, Daniel Foster here.", "Hi, [NAME] here.", id="a-name-and-here?"),
        pytest.param("It's Monica Reyes.", "It's [NAME].", id="it-is?"),
        pytest.param("Is this Nancy Keller?", "Is this [NAME]?", id="is-this?"),
        pytest.param("My husband Frank bought it.", "My husband [NAME] bought it.", id="relatives?"),
        pytest.param("It is daniel foster at example dot com.", "It is [EMAIL].", id="email-of-words?"),
        pytest.param("Mail peter seven one at blue sky dot net.", "Mail [EMAIL].", id="email-of-digits-and-words?"),
        pytest.param("My birthday is oh six, oh nine, nineteen eighty two.", "My birthday is [DOB].",
                     id="born-in-spoken-digits?"),
        pytest.param("In case we get cut off, my number is 555 0142.", "In case we get cut off, my number is [PHONE].",
                     id="in-case-is-no-case-number?"),
        pytest.param("Am I speaking with Nancy Keller?", "Am I speaking with [NAME]?", id="speaking-with?"),
        pytest.param("It is jo underscore b at exam pull that calm.", "It is [EMAIL].", id="email-of-an-underscore?"),
        pytest.param("Send the bill to Joy Startsy at Exam Pole Dotnet.", "Send the bill to [EMAIL].",
                     id="dotnet-in-one-word?"),
        pytest.param("It is jo lang at gmail dot come, please.", "It is [EMAIL], please.", id="dot-come?"),
        pytest.param("Let me repeat the underscore Delgado at example dot com. It is new.",
                     "Let me repeat [EMAIL]. It is new.", id="a-letter-that-became-a-word?"),
        pytest.param("The email is j. double o. Lang example dot com.", "The email is [EMAIL].", id="no-at?"),
        pytest.param("I spoke with Ines.", "I spoke with [NAME].", id="spoke-with?"),
        pytest.param("Is that Joyce O'Brien?", "Is that [NAME]?", id="o'brien?"),
        pytest.param("Our landlady Fenella McAllister has it.", "Our landlady [NAME] has it.", id="mcallister?"),
        pytest.param("First name Ines, last name Tarrow.", "First name [NAME], last name [NAME].",
                     id="first-and-last?"),
        pytest.param("mr lang has the key", "mr [NAME] has the key", id="mister-in-lower-case?"),
        pytest.param("They go to 206 chestnut bribe, Portland.", "They go to [ADDRESS].", id="a-drive-misheard?"),
        pytest.param("May I have your name, please? Holly Bergman.", "May I have your name, please? [NAME].",
                     id="question-and-answer-in-one-phrase?"),
        pytest.param("My name is Lang, L A N G.", "My name is [NAME], [NAME].", id="spelled?"),
    ],
)  # fmt: skip
def test_what_is_masked(text: str, masked: str) -> None:
    assert mask_texts([text], ["customer"]) == [masked]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("It costs 34 dollars and ninety nine cents.", id="a-price?"),
        pytest.param("My order is six one zero, eight eight four.", id="an-order-number?"),
        pytest.param("The tracking number is 555 010 0142.", id="a-tracking-number?"),
        pytest.param(
            "Four one one one one one one one one one one one one one one two dollars.", id="an-amount?"
        ),
        pytest.param("I called on May fourth, nineteen times.", id="a-date-that-is-no-birthday?"),
        pytest.param("Look at example dot com.", id="a-web-page?"),
        pytest.param("One moment, please, two of them are on the way.", id="small-numbers?"),
        pytest.param(
            "Thank you for calling Larkfield Home, my name is Megan. How can I help you?",
            id="the-agent's-name?",
        ),
        pytest.param("Welcome to Larkfield Home. You know, it is Larkfield Home.", id="the-company's-name?"),
        pytest.param("I moved to Elm Street in June.", id="a-street-without-a-number?"),
        pytest.param("This is Monday, and I am Happy.", id="capitals?"),
        pytest.param("Your card will be charged on Friday.", id="a-card-without-a-number?"),
        pytest.param("The lamp is at the top. You see a red dot on the left.", id="a-dot-that-is-a-dot?"),
        pytest.param("I am at home. Me and my wife wait.", id="a-sentence-that-begins-with-me?"),
        pytest.param("May I speak with the account holder?", id="the-account-holder?"),
        pytest.param("Send it to 20 shops, please.", id="a-number-of-shops?"),
        pytest.param("There are 24 hours in a day and 60 minutes in one hour on the way.", id="measures?"),
    ],
)
def test_what_is_left(text: str) -> None:
    assert mask_texts([text], ["agent"]) == [text]


@pytest.mark.parametrize(
    ("phrases", "masked"),
    [
        pytest.param([("agent", "What is your name?"), ("customer", "Peter Lang."), ("agent", "Is Lang with an A?")],
                     ["What is your name?", "[NAME].", "Is [NAME] with an A?"], id="answer-and-later-mention?"),
        pytest.param([("agent", "May I have your account number?"), ("customer", "Sure. It is 7429013.")],
                     ["May I have your account number?", "Sure. It is [ACCOUNT]."], id="the-question-says-what-it-is?"),
        pytest.param([("agent", "And your date of birth?"), ("customer", "October twelfth, nineteen eighty eight.")],
                     ["And your date of birth?", "[DOB]."], id="date-after-the-question?"),
        pytest.param([("customer", "My card is 4111 1111"), ("customer", "1111 1111, right?")],
                     ["My card is [CARD]", "[CARD], right?"], id="goes-on-in-the-next-phrase?"),
        pytest.param([("customer", "My phone is 555"), ("agent", "Mhm."), ("customer", "010 0142.")],
                     ["My phone is [PHONE]", "Mhm.", "[PHONE]."], id="goes-on-after-a-mhm?"),
        pytest.param([("agent", "The last four of the card?"), ("customer", "4418."), ("agent", "4418, thank you.")],
                     ["The last four of the card?", "[CARD].", "[CARD], thank you."], id="read-back?"),
        pytest.param([("agent", "May I have your name, please?"), ("customer", "And Lamarino. It is new.")],
                     ["May I have your name, please?", "And [NAME]. It is new."], id="a-name-behind-an-and?"),
        pytest.param([("agent", "Who am I speaking with?"), ("customer", "In grid hollow son."), ("agent", "Thanks.")],
                     ["Who am I speaking with?", "[NAME].", "Thanks."], id="a-name-heard-as-words?"),
        pytest.param([("agent", "What is your name?"), ("customer", "Why do you ask?"), ("agent", "I need it.")],
                     ["What is your name?", "Why do you ask?", "I need it."], id="an-answer-that-is-no-name?"),
        pytest.param([("agent", "May I have your name?"), ("customer", "Number. My number is on the bill.")],
                     ["May I have your name?", "Number. My number is on the bill."], id="an-answer-that-is-a-word?"),
        pytest.param([("agent", "This is Megan."), ("customer", "Karen Whitfield."), ("agent", "Hi, Megan here. "
                     "Is Witfield with an H?"), ("customer", "Thank you, Meghan.")],
                     ["This is Megan.", "[NAME].", "Hi, Megan here. Is [NAME] with an H?", "Thank you, Meghan."],
                     id="a-name-heard-in-two-ways?"),
        pytest.param([("agent", "Hello, this is Ann calling from Larkfield Home. May I speak with Ines Tarrow?"),
                      ("customer", "One moment, please."), ("agent", "Thank you for waiting, Ines.")],
                     ["Hello, this is Ann calling from Larkfield Home. May I speak with [NAME]?",
                      "One moment, please.", "Thank you for waiting, [NAME]."], id="whom-a-greeting-asks-for?"),
        pytest.param([("agent", "How can I help?"), ("customer", "Hm."), ("agent", "This is Andrew, the supervisor."),
                      ("customer", "Thank you, Andrew.")],
                     ["How can I help?", "Hm.", "This is Andrew, the supervisor.", "Thank you, Andrew."],
                     id="a-supervisor?"),
        pytest.param([("agent", "How do you spell it?"), ("customer", "K O W, a L. ski.")],
                     ["How do you spell it?", "[NAME]. ski."], id="letters-that-became-words?"),
        pytest.param([("agent", "What is your address?"), ("customer", "It is 40 joy now old, Flagstaff.")],
                     ["What is your address?", "It is [ADDRESS]."], id="an-address-without-its-street?"),
        pytest.param([("agent", "What is your address?"), ("customer", "17 Tulip, street, Hartford.")],
                     ["What is your address?", "[ADDRESS]."], id="an-address-in-commas?"),
        pytest.param([("agent", "And your address?"), ("customer", "No 2 things are alike. Why?")],
                     ["And your address?", "No 2 things are alike. Why?"], id="a-number-that-is-no-address?"),
        pytest.param([("agent", "When was she?"), ("customer", "April 21, 1958.")],
                     ["When was she?", "[DOB]."], id="a-date-long-ago?"),
        pytest.param([("agent", "When was it sent?"), ("customer", "April 21, 2024.")],
                     ["When was it sent?", "April 21, 2024."], id="a-date-of-late?"),
        pytest.param([("agent", "Your birthday, please?"), ("customer", "Can you edit Sartieth 1963.")],
                     ["Your birthday, please?", "Can you edit [DOB]."], id="a-birthday-with-its-month-misheard?"),
        pytest.param([("agent", "And your email?"), ("customer", "It is my mail dot example dot com.")],
                     ["And your email?", "It is my [EMAIL]."], id="an-email-whose-mailbox-is-lost?"),
        pytest.param([("agent", "What is your email address?"), ("customer", "jo lang at exam pull calm")],
                     ["What is your email address?", "[EMAIL]"], id="an-answer-without-a-dot?"),
        pytest.param([("agent", "Shall I email it?"), ("customer", "No, I am at work now.")],
                     ["Shall I email it?", "No, I am at work now."], id="an-answer-that-is-no-address?"),
        pytest.param([("agent", "What is the order number?"), ("customer", "It is 6108840142.")],
                     ["What is the order number?", "It is 6108840142."], id="an-order-number-that-was-asked-for?"),
    ],
)  # fmt: skip
def test_across_phrases(phrases: list[tuple[str, str]], masked: list[str]) -> None:
    assert mask_texts([text for _, text in phrases], [who for who, _ in phrases]) == masked


def test_every_kind_of_the_readable_dialogues_is_found() -> None:
    found = {kind: [0, 0] for kind in KINDS}
    wrong = 0
    for number in range(1, 8):
        body = (ROOT / "data" / "dialogues" / f"c0{number}.txt").read_text().partition("\n\n")[2]
        lines = [line.split(": ", 1) for line in body.splitlines() if ": " in line]
        texts, marks = [], []
        for index, (_, line) in enumerate(lines):
            text = ""
            for piece in re.split(r"(\{\w+:[^}]*\})", re.sub(r"\[(?:over|hold|pause) [\d.]+\]\s*", "", line)):
                mark = re.fullmatch(r"\{(\w+):(.*)\}", piece)
                if mark and mark[1] != "product":
                    marks.append((mark[1], index, len(text), len(text) + len(mark[2])))
                text += mark[2] if mark else piece
            texts.append(text)
        # the agent of an earlier call, and a supervisor who takes over
        findings = find_personal(texts, [who for who, _ in lines], keep=["Megan", "Andrew"])
        hits = set()
        for kind, index, start, end in marks:
            hit = [
                f
                for f in findings
                if (f.kind, f.index) == (kind, index) and f.start <= start and f.end >= end - 1
            ]
            found[kind][0] += bool(hit)
            found[kind][1] += 1
            hits |= set(hit)
        wrong += len(set(findings) - hits)
    assert {kind: f"{hit} of {all_}" for kind, (hit, all_) in found.items() if hit < all_} == {}
    assert wrong == 0, findings


@pytest.mark.parametrize(
    ("digits", "valid"),
    [
        ("4111111111111111", True),
        ("5555555555554444", True),
        ("4111111111111112", False),
        ("", False),
        ("0", True),
    ],
)
def test_luhn(digits: str, valid: bool) -> None:
    assert passes_luhn(digits) is valid


@settings(deadline=None)  # a busy machine is no fault
@given(st.text(alphabet="0123456789", min_size=12, max_size=18))
def test_a_number_with_its_check_digit_is_masked_in_every_form(digits: str) -> None:
    check = next(d for d in "0123456789" if passes_luhn(digits + d))
    number = digits + check
    words = list(UNITS)
    for form in (
        number,
        " ".join(number),
        " ".join(words[int(d)] for d in number),
        "-".join(re.findall(".{1,4}", number)),
    ):
        assert mask_texts([f"So {form} then"], ["x"]) == ["So [CARD] then"]


SAID = "my name is Peter Lang 555 0142 four one at dot com born May Street , . ( and"
TALK = st.lists(st.sampled_from(SAID.split()), max_size=12)


@settings(deadline=None)
@given(st.lists(TALK, max_size=5), st.data())
def test_findings_never_overlap_and_lie_in_their_text(said: list[list[str]], data: st.DataObject) -> None:
    texts = [" ".join(words) for words in said]
    speakers = [data.draw(st.sampled_from("ab")) for _ in texts]
    findings = find_personal(texts, speakers)
    assert findings == sorted(findings, key=lambda f: (f.index, f.start))
    for one, other in pairwise(findings):
        assert one.index < other.index or one.end <= other.start
    assert all(0 <= f.start < f.end <= len(texts[f.index]) and f.kind in KINDS for f in findings)
    masked = mask_texts(texts, speakers)
    assert len(masked) == len(texts)
    assert sum(text.count("[") for text in masked) == len(findings)


@settings(deadline=None)
@given(st.lists(st.text(max_size=60), max_size=4))
def test_any_text_can_be_masked(texts: list[str]) -> None:
    assert len(mask_texts(texts)) == len(texts)


@pytest.mark.parametrize(
    ("texts", "speakers", "digits"),
    [
        pytest.param(["one two, three"], "a", ["123"], id="words?"),
        pytest.param(["12-34 (56) 7"], "a", ["1234567"], id="signs-between?"),
        pytest.param(["1.5 and 2."], "a", ["15", "2"], id="a-point-inside-and-one-at-the-end?"),
        pytest.param(["twenty one twelve", "nine."], "aa", ["21129"], id="goes-on?"),
        pytest.param(["one.", "two."], "aa", ["1", "2"], id="ends-with-the-sentence?"),
        pytest.param(
            ["one", "well, what do you mean by that", "two"], "aba", ["1", "2"], id="too-much-in-between?"
        ),
        pytest.param(["first of the third"], "a", [], id="ordinals-are-no-digits?"),
        pytest.param(["one two three to four"], "a", ["123", "4"], id="a-word-that-sounds-like-a-digit?"),
    ],
)
def test_runs(texts: list[str], speakers: str, digits: list[str]) -> None:
    assert [run.digits for run in digit_runs(texts, list(speakers))] == digits


@pytest.mark.parametrize(
    ("texts", "speakers", "digits"),
    [
        pytest.param(["one two, three", "nine."], "aa", ["1239"], id="nothing-misheard?"),
        pytest.param(
            ["eight, eight, one, for zero to."], "a", ["881402"], id="words-that-sound-like-digits?"
        ),
        pytest.param(["one two three to me"], "a", ["123"], id="a-word-that-only-follows?"),
        pytest.param(["open from nine to five"], "a", ["9", "5"], id="a-time?"),
        pytest.param(["one two three for 20"], "a", ["123", "20"], id="a-price?"),
        pytest.param(["one two three", "- to four"], "aa", ["123", "4"], id="a-phrase-begins-with-it?"),
    ],
)
def test_runs_with_misheard_digits(texts: list[str], speakers: str, digits: list[str]) -> None:
    assert [run.digits for run in digit_runs(texts, list(speakers), [{}] * len(texts))] == digits


@pytest.mark.parametrize(
    ("text", "confidence", "digits"),
    [
        pytest.param("555 night 0142", 0.3, ["55500142"], id="hardly-heard?"),
        pytest.param("555 night 0142", 0.6, ["555", "0142"], id="heard?"),
        pytest.param("555-010-0142, s, 40", 0.3, ["5550100142", "40"], id="after-a-number-that-is-whole?"),
    ],
)
def test_a_word_within_a_number(text: str, confidence: float, digits: list[str]) -> None:
    runs = digit_runs([text], ["a"], [{text.index(word): confidence for word in text.split()}])
    assert [run.digits for run in runs] == digits


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        pytest.param("My card is 4418 and 20 dollars went.", "My card is [CARD] and 20 dollars went.", id="hardly?"),
        pytest.param("My card is four four one eight for 2 dollars.", "My card is [CARD] for 2 dollars.", id="sound?"),
        pytest.param("My phone is 555 night 0142.", "My phone is [PHONE].", id="a-digit-that-was-misheard?"),
    ],
)  # fmt: skip
def test_a_doubted_word_hides_no_number(text: str, masked: str) -> None:
    """It may be a digit of a number, or stand between a number and an amount."""
    doubted = {text.index(word): 0.3 for word in ("and", "night") if word in text}
    assert mask_texts([text], doubted=[doubted]) == [masked]


# What is asked for, of the calls whose text no writer of rules has read; and what the practice calls hold beyond it.
ASKED = {"card": 0.95, "phone": 0.95, "email": 0.95, "name": 0.80, "address": 0.80}
WHOLE = {"phone": 1.0, "account": 1.0, "dob": 1.0}
RECOGNIZED = [
    pytest.param("corpus", "truth/calls.json", "seen", dict.fromkeys(ASKED, 1.0), 1.0, id="demo-seen?"),
    pytest.param("corpus", "truth/calls.json", "blind", ASKED, 0.95, id="demo-blind?"),
    pytest.param(
        "practice/corpus", "practice/truth.json", "seen", {"name": 0.89, "email": 0.8} | WHOLE, 0.95,
        id="practice-seen?",
    ),
    pytest.param(
        "practice/corpus", "practice/truth.json", "blind", {"name": 0.92, "email": 0.9} | WHOLE, 0.95,
        id="practice-blind?",
    ),
    pytest.param("names/corpus", "names/truth.json", "seen", {"name": 0.83, "phone": 1.0}, 0.95, id="names-seen?"),
    pytest.param("names/corpus", "names/truth.json", "blind", {"name": 0.83, "phone": 1.0}, 0.95, id="names-blind?"),
]  # fmt: skip


@pytest.mark.parametrize(("corpus", "truth", "half", "recall", "precision"), RECOGNIZED)
def test_on_recognized_calls(
    corpus: str,
    truth: str,
    half: str,
    recall: dict[str, float],
    precision: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The figures of docs/measurements.md hold: what is lost beyond them, a recognizer made words of."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from privacy import measure

    rows = {row[1]: row for row in measure(ROOT / "data" / corpus, ROOT / "data" / truth) if row[0] == half}
    found = {kind: rows[kind][3] / rows[kind][2] for kind in recall}
    assert {kind: round(found[kind], 2) for kind in recall if found[kind] < recall[kind]} == {}
    assert rows["all"][6] / rows["all"][5] >= precision
