from qrmiddleware.demo.remedies import render_rules, rewrite_rows


def test_rules_solve_the_gaps_that_are_theirs_and_no_others(vocabulary):
    rules = render_rules(vocabulary)

    for kind in vocabulary.types.values():
        for word, remedy in kind.shoppers_say.items():
            assert (f"\n{word} =>\n  SYNONYM: {kind.noun}" in rules) == (remedy == "rules")


def test_rules_put_accessories_below_their_product(vocabulary):
    rules = render_rules(vocabulary)

    assert "\nlaptop AND NOT bag AND NOT bags AND NOT briefcase AND NOT" in rules
    assert "  DOWN(4): category_id:laptop_bag" in rules


def test_rules_delete_noise_and_know_units(vocabulary):
    rules = render_rules(vocabulary)

    assert "\ncheap =>\n  DELETE\n" in rules
    assert "\n1000 ml =>\n  SYNONYM: 1 l" in rules


def test_the_table_holds_its_words_alone_and_with_attributes(vocabulary):
    rewrites = {query: rewrite for query, rewrite, _ in rewrite_rows(vocabulary)}

    assert rewrites["settee"] == "sofa"
    assert rewrites["leather settee"] == "leather sofa"
    assert rewrites["trianers"] == "trainers"


def test_the_table_leaves_unsolved_words_alone(vocabulary):
    queries = {query for query, _, _ in rewrite_rows(vocabulary)}

    assert queries.isdisjoint({"divan", "trainors", "handset", "couch"})


def test_scores_are_weights(vocabulary):
    assert all(0 < score <= 1 for _, _, score in rewrite_rows(vocabulary))
