import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models
from tokenizers.processors import TemplateProcessing

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.manifest import Inputs
from qrmiddleware.students.tokens import PairTokenizer

WORDS = st.sampled_from(
    ["red", "shoe", "toner", "tn-2110", "çilek", "靴", "xyzzy", "🙂", ",", "42"]
)
SENTENCES = st.lists(WORDS, max_size=30).map(" ".join)
TEXTS = st.one_of(SENTENCES, st.text(max_size=40))
ROOMY = Inputs(max_query_tokens=400, max_tokens=1000, token_types=True)


@pytest.fixture
def open_tokenizer(tmp_path):
    def opened(tokenizer, inputs=ROOMY, cache_bytes=1_000_000):
        tokenizer.save(str(tmp_path / "tokenizer.json"))
        return PairTokenizer(tmp_path / "tokenizer.json", inputs, cache_bytes=cache_bytes)

    return opened


@pytest.fixture(scope="module")
def roomy(any_tokenizer, tmp_path_factory):
    file = tmp_path_factory.mktemp("roomy") / "tokenizer.json"
    any_tokenizer.save(str(file))
    return PairTokenizer(file, ROOMY, cache_bytes=100_000)


def as_encoded(row):
    return list(row.ids), list(row.types)


@settings(max_examples=30)
@given(query=TEXTS, texts=st.lists(TEXTS, max_size=5))
def test_rows_are_what_the_tokenizer_itself_makes_of_pairs(roomy, any_tokenizer, query, texts):
    expected = [any_tokenizer.encode(query, text) for text in texts]

    found = roomy.pairs(query, texts)

    assert list(map(as_encoded, found.rows)) == [(each.ids, each.type_ids) for each in expected]
    assert found.cut == 0


@settings(max_examples=20)
@given(texts=st.lists(TEXTS, max_size=5), query=st.booleans())
def test_rows_are_what_the_tokenizer_itself_makes_of_single_texts(
    roomy, any_tokenizer, texts, query
):
    expected = [any_tokenizer.encode(text) for text in texts]

    found = roomy.singles(texts, query=query)

    assert list(map(as_encoded, found.rows)) == [(each.ids, each.type_ids) for each in expected]


@settings(max_examples=30)
@given(query=SENTENCES, text=SENTENCES, limits=st.tuples(st.integers(1, 20), st.integers(5, 40)))
def test_the_query_is_cut_first_and_the_text_to_what_it_leaves(any_tokenizer, query, text, limits):
    most_of_query, most = limits
    inputs = Inputs(max_query_tokens=most_of_query, max_tokens=most)
    asked = any_tokenizer.encode(query, add_special_tokens=False).ids
    read = any_tokenizer.encode(text, add_special_tokens=False).ids
    special = any_tokenizer.num_special_tokens_to_add(is_pair=True)
    tokenizer = cut_tokenizer(any_tokenizer, inputs)

    found = tokenizer.pairs(query, [text])

    asked = asked[: min(most_of_query, most - special)]
    kept = read[: most - special - len(asked)]
    (row,) = found.rows
    assert len(row.ids) == len(asked) + len(kept) + special <= most
    assert [each for each in row.ids if each not in special_ids(any_tokenizer)] == [
        each for each in asked + kept if each not in special_ids(any_tokenizer)
    ]
    assert found.cut == (len(kept) < len(read))


def special_ids(tokenizer):
    return set(tokenizer.encode("").ids)


def cut_tokenizer(tokenizer, inputs):
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save(f"{folder}/tokenizer.json")
        return PairTokenizer(Path(folder, "tokenizer.json"), inputs, cache_bytes=0)


def test_a_single_query_is_cut_to_its_own_limit(open_tokenizer, bert):
    tokenizer = open_tokenizer(bert, Inputs(max_query_tokens=2, max_tokens=6))

    query = tokenizer.singles(["red red red red red"], query=True)
    text = tokenizer.singles(["red red red red red"])

    assert [len(query.rows[0].ids), len(text.rows[0].ids)] == [4, 6]
    assert [query.cut, text.cut] == [1, 1]


def test_types_are_zero_for_a_model_that_does_not_tell_texts_apart(open_tokenizer, bert):
    tokenizer = open_tokenizer(bert, Inputs(token_types=False))

    (row,) = tokenizer.pairs("red", ["shoe"]).rows

    assert set(row.types) == {0}
    assert len(row.types) == len(row.ids)


def test_a_tokenizers_own_truncation_and_padding_do_not_count(open_tokenizer, bert):
    changed = type(bert).from_str(bert.to_str())
    changed.enable_truncation(4)
    changed.enable_padding(length=50)

    (row,) = open_tokenizer(changed).pairs("red shoe", ["red running shoe for women"]).rows

    assert list(row.ids) == bert.encode("red shoe", "red running shoe for women").ids


def test_a_text_is_tokenised_once_in_its_life(open_tokenizer, bert):
    tokenizer = open_tokenizer(bert)

    first = tokenizer.pairs("red", ["shoe", "toner"])
    again = tokenizer.pairs("red", ["toner", "shoe", "cable"])

    assert [tokenizer.counts.hits, tokenizer.counts.misses] == [3, 4]
    assert again.rows[:2] == first.rows[::-1]


@pytest.mark.parametrize(
    "text",
    [
        "red shoe " * 12_000,
        "赤い靴" * 33_000,
        "x" * 100_000,
        " " * 100_000 + "red",
        "a" * 90 + " " * 5_000 + "shoe " * 9_000,
        "🙂" * 25_000,
        ("word" * 50 + " ") * 500,
        "red\0" * 25_000,
    ],
    ids=["words", "cjk", "one word", "blanks", "gap", "emoji", "long words", "NUL"],
)
def test_a_long_text_is_read_as_if_whole(any_tokenizer, open_tokenizer, text):
    whole = any_tokenizer.encode("red", text).ids
    tokenizer = open_tokenizer(any_tokenizer, Inputs(max_query_tokens=8, max_tokens=64))

    found = tokenizer.pairs("red", [text])

    kept = found.rows[0].ids[:-1]
    assert list(kept) == whole[: len(kept)]
    assert len(found.rows[0].ids) == min(64, len(whole))
    assert found.cut == (len(whole) > 64)


@settings(max_examples=20, deadline=None)
@given(parts=st.lists(st.tuples(TEXTS, st.integers(1, 80)), min_size=1, max_size=8))
def test_any_long_text_is_read_as_if_whole(any_tokenizer, parts):
    text = " ".join((part + " ") * times for part, times in parts)
    tokenizer = cut_tokenizer(any_tokenizer, Inputs(max_query_tokens=8, max_tokens=16))

    (row,) = tokenizer.pairs("", [text]).rows

    assert list(row.ids[:-1]) == any_tokenizer.encode("", text).ids[: len(row.ids) - 1]


@pytest.mark.parametrize("text", ["", "\0", "\ud800", "a\udc80b", "\ud83d\ude42", "\u200b", "\n\t"])
def test_awkward_texts_make_rows(any_tokenizer, open_tokenizer, text):
    found = open_tokenizer(any_tokenizer).pairs(text, [text, "red"])

    assert all(len(row.ids) == len(row.types) >= 3 for row in found.rows)


def test_surrogates_that_belong_together_are_read_as_the_character_they_are(open_tokenizer, bert):
    tokenizer = open_tokenizer(bert)

    halves, whole = tokenizer.singles(["red \ud83d\ude42", "red 🙂"]).rows

    assert halves == whole


def test_special_tokens_spelled_in_a_text_are_read_as_text(any_tokenizer, open_tokenizer):
    tokenizer = open_tokenizer(any_tokenizer)
    inner = [any_tokenizer.id_to_token(each) for each in sorted(special_ids(any_tokenizer))]

    plain, spelled = tokenizer.pairs("red", ["", " ".join(inner)]).rows

    ends = [each for each in plain.ids if each in special_ids(any_tokenizer)]
    assert [each for each in spelled.ids if each in special_ids(any_tokenizer)] == ends
    assert len(spelled.ids) >= len(plain.ids)


def test_the_vocabulary_counts_added_tokens(open_tokenizer, bert):
    changed = type(bert).from_str(bert.to_str())
    changed.add_tokens(["tn-2110"])

    assert open_tokenizer(changed).vocabulary == bert.get_vocab_size() + 1


def test_many_threads_get_the_same_rows(open_tokenizer, any_tokenizer):
    tokenizer = open_tokenizer(any_tokenizer, cache_bytes=2_000)
    texts = [f"red shoe {number}" for number in range(40)]
    expected = tokenizer.pairs("red", texts)
    found = []

    def ask():
        found.extend(tokenizer.pairs("red", texts) for _ in range(10))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 40
    assert all(rows == expected for rows in found)


def test_refuses_a_file_that_is_no_tokenizer(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")

    with pytest.raises(ConfigError, match="no tokenizer that the tokenizers library reads"):
        PairTokenizer(tmp_path / "tokenizer.json", ROOMY, cache_bytes=0)


@pytest.mark.parametrize("pair", ["[CLS] $B [SEP] $A [SEP]", "[CLS] $A $B $A [SEP]"])
def test_refuses_a_tokenizer_that_turns_query_and_text_around(open_tokenizer, bert, pair):
    changed = type(bert).from_str(bert.to_str())
    special = [("[CLS]", 2), ("[SEP]", 3)]
    changed.post_processor = TemplateProcessing(pair=pair, special_tokens=special)

    with pytest.raises(ConfigError, match="post-processor does not put fixed special tokens"):
        open_tokenizer(changed)


def test_a_tokenizer_that_knows_no_latin_letter_is_read_all_the_same(open_tokenizer):
    tokenizer = Tokenizer(models.BPE({"の": 0, "<s>": 1}, []))
    tokenizer.post_processor = TemplateProcessing(pair="<s> $A $B", special_tokens=[("<s>", 1)])

    (row,) = open_tokenizer(tokenizer).pairs("の", ["a"]).rows

    assert row.ids == (1, 0)


def test_refuses_a_tokenizer_that_knows_nothing(open_tokenizer):
    with pytest.raises(ConfigError, match="post-processor"):
        open_tokenizer(Tokenizer(models.BPE({"<s>": 0}, [])))


def test_refuses_a_tokenizer_that_fails_on_unknown_words(open_tokenizer):
    with pytest.raises(ConfigError, match=r"cannot read 'a': .*UNK"):
        open_tokenizer(Tokenizer(models.WordLevel({"shoe": 0}, unk_token="[UNK]")))  # noqa: S106


def test_refuses_limits_that_leave_no_token_for_a_text(open_tokenizer, bert):
    changed = type(bert).from_str(bert.to_str())
    changed.post_processor = TemplateProcessing(
        pair="[CLS] $A [SEP] [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )

    with pytest.raises(ConfigError, match=r"adds 4 special tokens.* inputs\.max_tokens = 4"):
        open_tokenizer(changed, Inputs(max_tokens=4))
