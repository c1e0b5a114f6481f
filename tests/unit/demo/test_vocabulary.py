def test_a_shop_has_twelve_departments_and_forty_types_or_more(vocabulary):
    types = vocabulary.types.values()

    assert len({kind.department for kind in types}) >= 12
    assert len(types) >= 40
    assert sum(kind.products for kind in types) >= 5_000


def test_types_refer_to_types_that_exist(vocabulary):
    for kind in vocabulary.types.values():
        families = {a.family_of for a in kind.attributes.values() if a.family_of}
        assert {*kind.substitutes, *kind.accessory_of, *families} <= vocabulary.types.keys()


def test_titles_and_descriptions_use_known_gaps_only(vocabulary):
    for kind in vocabulary.types.values():
        words = dict.fromkeys(kind.attributes, "") | {"brand": "", "line": ""}
        for pattern in (*kind.titles, *kind.describes, *kind.remarks):
            pattern.format_map(words)


def test_searches_ask_for_attributes_that_their_types_have(vocabulary):
    for query in vocabulary.queries:
        for key in query.types:
            kind = vocabulary.types[key]
            for name, value in query.want.items():
                known = kind.brands if name == "brand" else kind.attributes[name].forms
                assert value in known, query


def test_more_than_twenty_five_gaps_are_solved_and_some_are_not(vocabulary):
    remedies = [r for kind in vocabulary.types.values() for r in kind.shoppers_say.values()]

    assert set(remedies) == {"rules", "table", "unsolved"}
    assert len(remedies) - remedies.count("unsolved") >= 25
    assert remedies.count("unsolved") >= 10
