"""The corpus: what is added is there, whatever dies on the way, and whoever else writes."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechkit.errors import CorpusError
from speechkit.transcripts import corpus as corpus_module
from speechkit.transcripts import shards
from speechkit.transcripts.corpus import Corpus, open_corpus
from speechkit.transcripts.metadata import join_metadata, metadata_of_names, read_metadata
from speechkit.transcripts.naming import name_calls
from speechkit.transcripts.schema import CALLS, PHRASES, TABLES, WORDS, Transcript


def said(*call_ids: str, text: str = "Hello there.") -> Transcript:
    """A transcript of calls with two phrases and four words each."""
    calls = pd.DataFrame(
        {"call_id": call_ids, "source": [f"in/{c}.wav" for c in call_ids], "duration_s": 9.0}
    )
    phrases, words = [], []
    for call_id in call_ids:
        for number, start_s in enumerate([1.0, 4.0], start=1):
            phrase_id = f"{call_id}:{number:04d}"
            head = {"call_id": call_id, "phrase_id": phrase_id, "channel": number - 1}
            phrases.append({**head, "start_s": start_s, "end_s": start_s + 1, "display": text})
            for at, word in enumerate(["hello", "there"]):
                words.append({**head, "position": at, "start_s": start_s + at / 2, "word": word})
    columns = ["call_id", "phrase_id"]
    return Transcript(
        calls,
        pd.DataFrame(phrases, columns=list(PHRASES)),
        pd.DataFrame(words, columns=[*columns, *list(WORDS)[2:]]),
    )


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """An empty corpus."""
    return open_corpus(tmp_path / "corpus", create=True)


def files(corpus: Corpus) -> dict[str, int]:
    """How many files lie in each folder of a corpus, hidden ones too."""
    return {f.name: len(list(f.iterdir())) for f in corpus.path.iterdir() if f.is_dir()}


def same(left: Transcript, right: Transcript) -> None:
    for name in TABLES:
        pd.testing.assert_frame_equal(left.table(name), right.table(name))


# --- adding and reading


def test_what_is_added_is_there(corpus: Corpus) -> None:
    assert corpus.add(said("b", "a")) == ["a", "b"]
    same(corpus, said("a", "b"))
    same(open_corpus(corpus.path), said("a", "b"))
    same(corpus.call("b"), said("b"))
    assert corpus.sources == {"a": "in/a.wav", "b": "in/b.wav"}
    assert repr(corpus) == "Corpus(2 calls, 4 phrases, 8 words, 0:00:18)"


def test_shards_are_one_corpus(corpus: Corpus) -> None:
    for call_id in "dbac":
        corpus.add(said(call_id))
    same(corpus, said(*"abcd"))
    assert files(corpus) == {"calls": 4, "phrases": 4, "words": 4}
    assert corpus.filter(channel=1).phrases["call_id"].tolist() == list("abcd")
    assert corpus.text("c") == "[0:01] channel 0: Hello there.\n[0:04] channel 1: Hello there."


def test_several_transcripts_can_be_added(corpus: Corpus) -> None:
    corpus.add([said("a"), said("b")])
    same(corpus, said("a", "b"))
    assert corpus.add([]) == []
    assert corpus.call_ids == ["a", "b"]


def test_an_empty_corpus_has_typed_tables(corpus: Corpus) -> None:
    assert {c: str(t) for c, t in corpus.calls.dtypes.items()} == dict(CALLS)
    assert {c: str(t) for c, t in corpus.words.dtypes.items()} == dict(WORDS)
    assert corpus.call_ids == []
    assert corpus._repr_html_() == "<p><b>Corpus</b> 0 calls · 0 phrases · 0 words</p>"
    assert corpus.table("phrases", ["display"]).empty


def test_a_call_without_words_is_kept(corpus: Corpus) -> None:
    silent = Transcript(pd.DataFrame({"call_id": ["silent"]}))
    corpus.add(silent)
    corpus.add(said("a"))
    assert corpus.call_ids == ["a", "silent"]
    assert corpus.call("silent").phrases.empty
    assert {c: str(t) for c, t in corpus.words.dtypes.items()} == dict(WORDS)


def test_only_the_columns_asked_for_are_read(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus.add(said("b"))
    corpus.add(said("a"))
    read: list[list[str] | None] = []
    real = shards.read_shard

    def spy(path: Path, columns: list[str] | None = None, filters: object = None) -> object:
        read.append(columns)
        return real(path, columns, filters)

    monkeypatch.setattr(shards, "read_shard", spy)
    words = corpus.table("words", ["word", "start_s"])
    assert list(words) == ["word", "start_s"]
    assert words["start_s"].tolist() == [1.0, 1.5, 4.0, 4.5] * 2
    assert all(columns is not None and len(columns) <= 3 for columns in read)
    with pytest.raises(CorpusError, match="words has no column 'speed'"):
        corpus.table("words", ["speed"])


def test_one_call_is_read_without_the_others(corpus: Corpus) -> None:
    corpus.add(said("a"))
    corpus.add(said("b"))
    other = min((corpus.path / "words").iterdir())
    assert corpus.call("b").words["word"].tolist() == ["hello", "there"] * 2
    with pytest.raises(CorpusError, match="no call 'c'"):
        corpus.call("c")
    assert other.exists()


def test_some_calls_and_some_columns_are_read(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "_ROWS", 3)  # calls lie in several groups of rows
    corpus.add(said("d", "b", "e"))
    corpus.add(said("c", "a"))
    same(corpus.read(["e", "a", "d"]), said("a", "d", "e"))
    some = corpus.read(["c", "b"], {"words": ["start_s"]})
    assert list(some.words) == ["call_id", "start_s"]
    assert some.words["call_id"].tolist() == ["b"] * 4 + ["c"] * 4
    assert (some.call_ids, len(some.phrases)) == (["b", "c"], 0)
    same(corpus.read([]), Transcript(corpus.calls.iloc[:0]))
    with pytest.raises(CorpusError, match="no call 'x'"):
        corpus.read(["b", "x"])
    assert sorted(corpus.split(most=2)) == [["a", "c"], ["b", "d"], ["e"]]
    same(corpus.filter(source="in/d.wav"), said("d"))
    assert "words" not in corpus._held  # the others were left on the disk
    assert corpus.split(["e", "c", "x"]) == [["e"], ["c"]]
    assert [part["call_id"].tolist() for part in corpus.parts("calls")] == [["b", "d", "e"], ["a", "c"]]


def test_a_shard_that_is_gone_is_named(corpus: Corpus) -> None:
    corpus.add(said("a"))
    next((corpus.path / "phrases").iterdir()).unlink()
    for read in (lambda: corpus.phrases, lambda: corpus.call("a"), lambda: list(corpus.parts("phrases"))):
        with pytest.raises(CorpusError, match=r"phrases/000001-\w+.parquet is missing. Restore it"):
            read()


def test_another_process_is_noticed(corpus: Corpus) -> None:
    corpus.add(said("a"))
    assert corpus.call_ids == corpus.calls["call_id"].tolist() == ["a"]
    open_corpus(corpus.path).add(said("b"))
    assert corpus.call_ids == corpus.calls["call_id"].tolist() == ["a", "b"]


# --- again, remove, many


def test_a_call_is_there_once(corpus: Corpus) -> None:
    corpus.add(said("a", "b"))
    with pytest.raises(CorpusError, match=r"has 'b' already.*again=True"):
        corpus.add(said("b", "c", text="Other."))
    assert corpus.call_ids == ["a", "b"]
    corpus.add(said("b", "c", text="Other."), again=True)
    assert corpus.call_ids == ["a", "b", "c"]
    texts = corpus.phrases.groupby("call_id")["display"].first().tolist()
    assert texts == ["Hello there.", "Other.", "Other."]
    assert len(corpus.words) == 12


def test_metadata_outlives_a_new_transcript(corpus: Corpus) -> None:
    side = pd.DataFrame({"call_id": ["a"], "agent": ["Megan"], "recorded_at": ["2026-09-07T09:14:00"]})
    corpus.add(said("a"), side)
    corpus.add(said("a", text="Other."), again=True)
    call = corpus.calls.iloc[0]
    assert (call["agent"], call["recorded_at"]) == ("Megan", pd.Timestamp("2026-09-07T09:14:00"))
    corpus.add(said("a"), pd.DataFrame({"call_id": ["a"], "agent": ["Priya"]}), again=True)
    assert corpus.calls["agent"].tolist() == ["Priya"]


def test_removing_leaves_nothing_behind(corpus: Corpus) -> None:
    corpus.add(said("a", "b", text="My card is 4111."))
    corpus.add(said("c"))
    corpus.write_table("summaries", pd.DataFrame({"call_id": ["a", "c"], "summary": ["4111", "hi"]}))
    corpus.remove("a")
    corpus.remove(["b"])
    same(corpus, said("c"))
    assert corpus.table("summaries")["call_id"].tolist() == ["c"]
    assert files(corpus) == {"calls": 1, "phrases": 1, "words": 1, "summaries": 1}
    assert not any(b"4111" in f.read_bytes() for f in corpus.path.rglob("*") if f.is_file())
    with pytest.raises(CorpusError, match="no call 'a'"):
        corpus.remove("a")


def test_shards_have_a_limit(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus_module, "CALLS_PER_SHARD", 3)
    names = [f"c{n:02d}" for n in range(8)]
    corpus.add(said(*names))
    assert files(corpus) == {"calls": 3, "phrases": 3, "words": 3}
    same(corpus, said(*names))
    corpus.remove("c04")
    same(corpus, said(*(name for name in names if name != "c04")))


def test_many_small_shards_are_put_together(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus_module, "_MANY_SHARDS", 4)
    names = [f"c{n}" for n in range(9)]
    for name in names:
        corpus.add(said(name))
    assert files(corpus)["calls"] <= 5
    same(corpus, said(*names))


# --- what dies on the way


def test_a_half_written_shard_is_not_read(corpus: Corpus) -> None:
    corpus.add(said("a"))
    whole = (corpus.path / "words" / shards.shard_names(corpus.path / "words")[0]).read_bytes()
    (corpus.path / "calls" / ".000009-ffff.parquet.part").write_bytes(whole[: len(whole) // 2])
    (corpus.path / "words" / "000009-ffff.parquet").write_bytes(whole)  # its calls were never written
    same(open_corpus(corpus.path), said("a"))
    corpus.add(said("b"))
    same(corpus, said("a", "b"))
    assert files(corpus) == {"calls": 2, "phrases": 2, "words": 2}  # and swept away by the next writer


def test_a_writer_that_died_before_it_removed_the_old_changes_nothing(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus.add(said("a", "b"))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *args, **kwargs: None)
        corpus.add(said("b", text="Other."), again=True)
    assert files(corpus)["calls"] == 2
    assert corpus.phrases["display"].tolist() == ["Hello there."] * 2 + ["Other."] * 2
    same(corpus.call("b"), said("b", text="Other."))
    corpus.remove("a")
    same(corpus, said("b", text="Other."))


@contextmanager
def no_room(limit: int) -> Iterator[None]:
    """A disk on which no file grows beyond some bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_loses_nothing(corpus: Corpus) -> None:
    corpus.add(said("a"))
    with no_room(500), pytest.raises(CorpusError, match=r"cannot be written.*(room|large)"):
        corpus.add(said("b"))
    same(corpus, said("a"))
    assert not list(corpus.path.rglob("*.part"))
    corpus.add(said("b"))
    same(corpus, said("a", "b"))


def test_a_broken_shard_is_named(corpus: Corpus) -> None:
    corpus.add(said("a"))
    path = next((corpus.path / "phrases").iterdir())
    path.write_bytes(b"PAR1 not any more")
    with pytest.raises(CorpusError, match=r"phrases/000001.*cannot be read.*transcribe"):
        _ = corpus.phrases


# --- several at once


def test_threads_do_not_lose_each_others_calls(corpus: Corpus) -> None:
    def add(n: int) -> None:
        open_corpus(corpus.path).add(said(f"c{n:02d}"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(12)))
    same(corpus, said(*(f"c{n:02d}" for n in range(12))))


WRITER = """
import sys
import pandas as pd
from speechkit.transcripts.corpus import open_corpus
from speechkit.transcripts.schema import Transcript
corpus = open_corpus(sys.argv[1])
for n in range(6):
    corpus.add(Transcript(pd.DataFrame({"call_id": [f"{sys.argv[2]}{n}"]})))
    corpus.write_table("notes", pd.DataFrame({"call_id": [f"{sys.argv[2]}{n}"], "note": [n]}))
    if n % 2:
        corpus.remove(f"{sys.argv[2]}{n - 1}")
"""


def test_processes_do_not_lose_each_others_calls(corpus: Corpus) -> None:
    command = [sys.executable, "-c", WRITER, str(corpus.path)]
    writers = [subprocess.Popen([*command, name]) for name in "xyz"]
    while any(writer.poll() is None for writer in writers):
        assert corpus.calls["call_id"].is_unique  # reading meanwhile
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    expected = sorted(f"{name}{n}" for name in "xyz" for n in (1, 3, 5))
    assert corpus.call_ids == expected
    assert sorted(corpus.table("notes")["call_id"]) == expected


@settings(deadline=None, max_examples=15)
@given(st.lists(st.tuples(st.sampled_from(["add", "again", "remove"]), st.sampled_from("abc")), max_size=8))
def test_any_history_leaves_what_it_says(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, str]]
) -> None:
    corpus = open_corpus(tmp_path_factory.mktemp("history") / "corpus", create=True)
    held: dict[str, str] = {}
    for number, (what, name) in enumerate(history):
        text = f"Text {number}."
        if what == "remove" and name in held:
            corpus.remove(name)
            del held[name]
        elif what == "again" or (what == "add" and name not in held):
            corpus.add(said(name, text=text), again=what == "again")
            held[name] = text
    assert corpus.call_ids == sorted(held)
    shown = dict(zip(corpus.phrases["call_id"], corpus.phrases["display"], strict=True))
    assert shown == held
    assert len(corpus.words) == 4 * len(held)


# --- side tables


def test_side_tables_replace_rows_of_the_same_key(corpus: Corpus) -> None:
    corpus.add(said("a", "b"))
    corpus.write_table("summaries", pd.DataFrame({"call_id": ["a", "b"], "summary": ["one", "two"]}))
    corpus.write_table("summaries", pd.DataFrame({"call_id": ["b", "b"], "summary": ["new", "newer"]}))
    table = corpus.table("summaries").sort_values(["call_id", "summary"])
    assert table["summary"].tolist() == ["one", "new", "newer"]
    assert corpus.tables == ["calls", "phrases", "words", "summaries"]
    assert corpus.table("summaries", ["summary"]).shape == (3, 1)
    corpus.write_table("masks", pd.DataFrame({"phrase_id": ["a:0001"], "kind": ["name"]}), key="phrase_id")
    assert corpus.tables == ["calls", "phrases", "words", "masks", "summaries"]


@pytest.mark.parametrize(
    ("name", "frame", "says"),
    [
        ("calls", {"call_id": ["a"]}, "'calls' cannot be a side table"),
        ("../x", {"call_id": ["a"]}, "cannot be a side table"),
        ("notes", {"note": ["a"]}, "no column 'call_id'"),
        ("notes", {"call_id": ["a", "b"], "note": [{"x": 1}, "text"]}, "cannot be kept"),
    ],
)
def test_side_tables_that_cannot_be(
    corpus: Corpus, name: str, frame: dict[str, list[object]], says: str
) -> None:
    with pytest.raises(CorpusError, match=says):
        corpus.write_table(name, pd.DataFrame(frame))
    with pytest.raises(CorpusError, match="no table 'notes'"):
        corpus.table("notes")


# --- metadata


def test_metadata_of_a_csv_is_joined(corpus: Corpus, tmp_path: Path) -> None:
    rows = "call_id,file,recorded_at,agent,queue,caller_number,wait_s,pin\n"
    rows += "a,a.wav,2026-09-07T09:14:00,Megan,billing,+1 555 010 0142,12,0042\n"
    rows += "z,z.wav,2026-09-08T10:00:00,NA,sales,+1 555 010 0143,3.5,0007\n"
    (tmp_path / "calls.csv").write_text("\ufeff" + rows, encoding="utf-8")
    corpus.add(said("a", "b"), tmp_path / "calls.csv")
    a, b = corpus.calls.to_dict("records")
    assert (a["agent"], a["queue"], a["pin"], a["wait_s"]) == ("Megan", "billing", "0042", 12.0)
    assert a["recorded_at"] == pd.Timestamp("2026-09-07T09:14:00")
    assert pd.isna(b["agent"])
    assert pd.isna(b["recorded_at"])
    assert read_metadata(tmp_path / "calls.csv")["agent"].tolist() == ["Megan", "NA"]
    assert list(corpus.calls)[: len(CALLS)] == list(CALLS)


def test_metadata_may_name_the_file(corpus: Corpus) -> None:
    side = pd.DataFrame({"file": ["calls/b.wav", "a.wav"], "agent": ["Priya", "Megan"], "score": [3, 4]})
    corpus.add(said("a", "b", "c"), side)
    assert corpus.calls["agent"].fillna("").tolist() == ["Megan", "Priya", ""]
    assert corpus.calls["score"].dtype == "Int64"


def test_metadata_that_changes_its_type_becomes_text(corpus: Corpus) -> None:
    corpus.add(said("a"), pd.DataFrame({"call_id": ["a"], "desk": [7]}))
    corpus.add(said("b"), pd.DataFrame({"call_id": ["b"], "desk": ["7b"]}))
    corpus.add(said("c"))
    assert corpus.calls["desk"].fillna("").tolist() == ["7", "7b", ""]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"agent\nMegan\n", "neither call_id nor file, only agent"),
        (b"call_id\na\na\n", "names call_id 'a' twice"),
        (b"call_id,recorded_at\na,yesterday\n", "recorded_at is not a time"),
        (b"", "cannot be read as CSV"),
        (b"call_id\n\xff\xfe\n", "cannot be read as CSV"),
    ],
)
def test_metadata_that_cannot_be(corpus: Corpus, tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "calls.csv").write_bytes(content)
    with pytest.raises(CorpusError, match=says) as caught:
        corpus.add(said("a"), tmp_path / "calls.csv")
    assert "calls.csv" in str(caught.value)
    assert corpus.call_ids == []
    with pytest.raises(CorpusError, match="no such file"):
        corpus.add(said("a"), tmp_path / "none.csv")


def test_joining_leaves_what_it_was_given() -> None:
    calls = said("a").calls
    before = calls.copy()
    join_metadata(calls, pd.DataFrame({"call_id": ["a"], "agent": ["Megan"]}))
    pd.testing.assert_frame_equal(calls, before)


# --- opening


def test_a_folder_that_is_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"none does not exist.*create=True"):
        open_corpus(tmp_path / "none")
    with pytest.raises(CorpusError, match="is no corpus"):
        open_corpus(tmp_path)
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(CorpusError, match="holds other files"):
        open_corpus(tmp_path, create=True)
    with pytest.raises(CorpusError, match=r"holiday\.jpg is a file"):
        open_corpus(tmp_path / "holiday.jpg", create=True)
    with pytest.raises(CorpusError, match="cannot be made"):
        open_corpus(tmp_path / "holiday.jpg" / "corpus", create=True)


@pytest.mark.parametrize(
    ("marker", "says"),
    [
        ("not json", "cannot be read"),
        ("[]", "is not a corpus"),
        (json.dumps({"format": "photo album"}), "is not a corpus"),
        (json.dumps({"format": "speechkit corpus", "version": 99}), "later speechkit"),
    ],
)
def test_a_marker_that_is_something_else_is_refused(tmp_path: Path, marker: str, says: str) -> None:
    (tmp_path / "corpus.json").write_text(marker)
    with pytest.raises(CorpusError, match=says):
        open_corpus(tmp_path)


def test_opening_again_changes_nothing(corpus: Corpus) -> None:
    corpus.add(said("a"))
    same(open_corpus(str(corpus.path), create=True), said("a"))


# --- names


def test_stems_that_collide_get_their_content(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("mon/c1.wav", "tue/c1.wav", "tue/c2.wav", "wed/c1.wav")]
    for path, content in zip(paths, [b"one", b"two", b"three", b"one"], strict=True):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    names = name_calls(paths)
    assert names[paths[2]] == "c2"
    assert names[paths[0]].startswith("c1-")
    assert len(names[paths[0]]) == len("c1-12345678")
    assert len(set(names.values())) == 4
    assert name_calls(paths) == names
    first = name_calls(paths[:1])
    assert first == {paths[0]: "c1"}
    later = name_calls(paths[:2], {"c1": str(paths[0])})
    assert later[paths[0]] == "c1"
    assert later[paths[1]] == names[paths[1]]


@pytest.mark.parametrize(
    ("pattern", "files", "expected"),
    [
        pytest.param("{agent}-{queue}", ["amy-billing.wav"], [["amy", "billing"]], id="of-the-stem"),
        pytest.param(
            "{agent}.{queue}.wav", ["amy.billing.wav", "bob.sales.mp3"], [["amy", "billing"]], id="suffix"
        ),
        pytest.param("c({agent})", ["in/c(bob).wav", "x(bob).wav"], [["bob"]], id="literals-and-folders"),
        pytest.param("{recorded_at}_{n}", ["20260907_7.wav"], [["2026-09-07T00:00", "7"]], id="day"),
        pytest.param(
            "{recorded_at}_{n}", ["2026-09-07T091400_7.wav"], [["2026-09-07T09:14:00", "7"]], id="time"
        ),
        pytest.param("{agent}_{queue}", ["nothing.wav"], [], id="no-file-fits"),
    ],
)
def test_metadata_of_file_names(pattern: str, files: list[str], expected: list[list[str]]) -> None:
    assert metadata_of_names(files, pattern).drop(columns="file").to_numpy().tolist() == expected


@pytest.mark.parametrize("pattern", ["plain", "{a}{a}", "{}", "{1}"])
def test_a_pattern_without_columns_is_refused(pattern: str) -> None:
    with pytest.raises(CorpusError, match="no pattern"):
        metadata_of_names(["a.wav"], pattern)


def test_a_pattern_is_metadata(tmp_path: Path) -> None:
    calls = pd.DataFrame({"call_id": ["a", "b"], "source": ["in/amy_sales.wav", "in/odd.wav"]})
    joined = join_metadata(calls, "{agent}_{queue}")
    assert joined["queue"].tolist()[0] == "sales"
    assert joined["queue"].isna().tolist() == [False, True]
