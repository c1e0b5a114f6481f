import pytest

from qrmiddleware.distill.labels import Label
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.targets import first_lists, lists_of, mean_of_teachers, mean_targets


def label(query, doc_id, target, *, teacher="t", logit=None):
    return Label(
        pair=f"{query}/{doc_id}",
        query=query,
        doc_id=doc_id,
        teacher=teacher,
        target=target,
        logit=logit,
    )


def targets(item):
    return {candidate.doc_id: candidate.target for candidate in item.candidates}


def test_labels_become_one_list_a_query():
    first, second = lists_of(
        [label("a", "1", 0.5), label("b", "1", 1.0), label("a", "2", 0.0)], logits=False
    )

    assert (first.query, targets(first)) == ("a", {"1": 0.5, "2": 0.0})
    assert (second.query, targets(second)) == ("b", {"1": 1.0})


def test_margins_are_of_the_teachers_logits_where_it_has_some():
    (item,) = lists_of([label("a", "1", 0.5, logit=3.0), label("a", "2", 0.5)], logits=True)

    assert targets(item) == {"1": 3.0, "2": 0.0}


def test_judged_lists_are_apart_from_what_the_catalogue_says():
    weak = label("a", "1", 0.0)
    told = label("a", "1", 1.0, teacher="judgments:people:00")

    catalogue, people = lists_of([weak, told], logits=False)

    assert (catalogue.judged, people.judged) == (False, True)


def test_several_teachers_are_averaged_on_one_scale():
    small = [label("a", "1", 0.5, logit=-1.0), label("a", "2", 0.5, logit=1.0)]
    large = [label("a", "1", 0.5, logit=300.0), label("a", "2", 0.5, logit=100.0)]

    (item,) = mean_of_teachers([small, large])

    assert targets(item) == {"1": 0.0, "2": 0.0}


def test_only_what_all_teachers_label_is_averaged():
    first = [label("a", "1", 0.5, logit=0.0), label("a", "2", 0.5, logit=2.0)]
    second = [label("a", "2", 0.5, logit=2.0), label("b", "1", 0.5, logit=1.0)]

    (item,) = mean_of_teachers([first, second])

    assert list(targets(item)) == ["2"]
    with pytest.raises(ConfigError, match="no pair is labelled by all 2 teachers"):
        mean_of_teachers([[*first[:1], label("c", "1", 0.5, logit=2.0)], second])


def test_targets_are_averaged_where_all_teachers_have_one():
    first = [label("a", "1", 0.5), label("a", "2", 1.0)]
    second = [label("a", "1", 1.0), label("b", "1", 0.0)]

    (item,) = mean_targets([first, second])

    assert targets(item) == {"1": 0.75}
    assert [targets(each) for each in mean_targets([first])] == [{"1": 0.5, "2": 1.0}]


def test_a_larger_share_holds_a_smaller_one_and_none_is_empty():
    lists = lists_of([label(query, "1", 0.5) for query in "abcdefgh"], logits=False)

    assert first_lists(lists, 0.5) == first_lists(lists, 1.0)[:4]
    assert len(first_lists(lists, 0.0)) == 1
