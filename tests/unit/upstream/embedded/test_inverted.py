from qrmiddleware.upstream.embedded.analysis import Analysis
from qrmiddleware.upstream.embedded.inverted import InvertedIndex
from qrmiddleware.upstream.embedded.mapping import IndexMapping


def test_new_fields_take_free_slots_until_there_are_none():
    mapping = IndexMapping({"properties": {"a": {"type": "keyword"}}}, Analysis())
    inverted = InvertedIndex(mapping)

    mapping.merge({"properties": {name: {"type": "keyword"} for name in "bcd"}})
    assert inverted.take_slots(mapping)
    assert len(set(inverted.slots.values())) == 4

    mapping.merge({"properties": {"e": {"type": "keyword"}}})
    assert not inverted.take_slots(mapping)
    assert InvertedIndex(mapping).take_slots(mapping)


def test_a_kind_of_field_that_was_not_foreseen_has_no_slot():
    mapping = IndexMapping({"properties": {"a": {"type": "keyword"}}}, Analysis())
    inverted = InvertedIndex(mapping)

    mapping.merge({"properties": {"b": {"type": "text", "analyzer": "english"}}})

    assert not inverted.take_slots(mapping)


def test_a_searcher_sees_the_commit_that_it_was_made_after():
    mapping = IndexMapping({"properties": {"a": {"type": "keyword"}}}, Analysis())
    inverted = InvertedIndex(mapping)
    inverted.add(0, "x", {"a": ["one"]}, {"a"})
    inverted.commit()
    before = inverted.searcher()

    inverted.delete(0)
    inverted.add(1, "x", {"a": ["two"]}, {"a"})
    inverted.commit()

    assert (before.num_docs, inverted.searcher().num_docs) == (1, 1)
    assert before.terms_with_prefix(inverted.slots["a"], "") == [("one", 1)]
