import tantivy

TEXT = {"type": "text"}


def test_the_best_are_given_with_the_oldest_first_among_equals(make_view):
    view = make_view(*[{"t": "word"}] * 30, {"t": "word word"}, t=TEXT)
    query = tantivy.Query.term_query(view.schema, view.slot(view.field("t")), "word")

    assert [seq for seq, _ in view.top(query, 5)] == [30, 0, 1, 2, 3]
    assert len(view.top(query, 100)) == 31
    assert view.top(query, 0) == []


def test_a_constant_query_gives_the_oldest(make_view):
    view = make_view(*[{"t": "word"}] * 9, t=TEXT)

    assert view.first(tantivy.Query.all_query(), 3) == [(0, 1.0), (1, 1.0), (2, 1.0)]
    assert view.count(tantivy.Query.all_query()) == 9


def test_an_empty_index_has_nothing(make_view):
    view = make_view(t=TEXT)
    query = tantivy.Query.all_query()

    assert (view.top(query, 5), view.first(query, 5), view.scores(query)) == ([], [], {})
    assert (view.count(query), view.matching(query, [1])) == (0, set())


def test_which_of_some_documents_match(make_view):
    view = make_view({"t": "a"}, {"t": "b"}, {"t": "a"}, t=TEXT)
    query = tantivy.Query.term_query(view.schema, view.slot(view.field("t")), "a")

    assert view.matching(query, [1, 2]) == {2}
    assert view.matching(query, []) == set()


def test_a_rare_field_is_scored_among_the_documents_that_have_it(make_view):
    view = make_view({"a": "x", "b": "x"}, *[{"a": "y"}] * 7, a=TEXT, b=TEXT)

    a, b = view.field("a"), view.field("b")

    assert (view.documents_with(a), view.documents_with(b)) == (8, 1)
    assert view.rarity(a, 1) == view.plain_rarity(1)
    assert view.rarity(b, 1) < view.plain_rarity(1)


def test_the_vocabulary_is_in_order(make_view):
    view = make_view({"t": "b a"}, {"t": "b ab"}, t=TEXT)

    assert view.vocabulary(view.field("t")) == {"a": 1, "ab": 1, "b": 2}
    assert view.terms_with_prefix(view.field("t"), "a", 5) == ["a", "ab"]
