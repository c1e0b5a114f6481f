from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qrmiddleware.distill.chance import dice
from qrmiddleware.distill.lists import (
    Candidate,
    Position,
    QueryList,
    Sampling,
    batches,
    epoch_batches,
    own_share,
    shorten,
)


def lists(count, *, hits=3, judged=False, name="q"):
    return [
        QueryList(
            f"{name}{n}", tuple(Candidate(f"d{i}", float(i)) for i in range(hits)), judged=judged
        )
        for n in range(count)
    ]


def test_an_epoch_takes_every_list_once():
    epoch = epoch_batches(lists(7), Sampling(queries=3, hits=5, seed=1), epoch=0)

    assert [len(batch) for batch in epoch] == [3, 3, 1]
    assert sorted(item.query for batch in epoch for item in batch) == [f"q{n}" for n in range(7)]


def test_epochs_differ_and_seeds_differ():
    sampling = Sampling(queries=3, hits=2, seed=1)

    first, second = (epoch_batches(lists(7), sampling, epoch=epoch) for epoch in (0, 1))

    assert first != second
    assert first == epoch_batches(lists(7), sampling, epoch=0)
    assert first != epoch_batches(lists(7), Sampling(queries=3, hits=2, seed=2), epoch=0)


@settings(max_examples=40)
@given(
    count=st.integers(1, 9),
    queries=st.integers(1, 4),
    share=st.sampled_from([None, 0.5]),
    done=st.integers(0, 25),
)
def test_a_resumed_run_sees_what_an_uninterrupted_one_sees(count, queries, share, done):
    items = lists(count, hits=5) + lists(2, judged=True, name="j")
    sampling = Sampling(queries=queries, hits=3, seed=4, judged_share=share)
    whole = list(islice(batches(items, sampling), done + 5))
    start = whole[done - 1][1] if done else Position()

    assert list(islice(batches(items, sampling, start=start), 5)) == whole[done:]


def test_a_long_list_shows_its_whole_range_of_targets():
    (item,) = lists(1, hits=100)

    short = shorten(item, 4, dice(1))

    quarters = [int(candidate.target // 25) for candidate in short.candidates]
    assert quarters == [3, 2, 1, 0]
    assert short.query == item.query


def test_a_short_list_stays_as_it_is():
    (item,) = lists(1, hits=4)

    assert shorten(item, 4, dice(1)) is item


def test_every_batch_has_its_share_of_judged_lists():
    items = lists(10) + lists(3, judged=True, name="j")
    sampling = Sampling(queries=4, hits=5, seed=1, judged_share=0.25)

    epoch = epoch_batches(items, sampling, epoch=0)

    assert [sum(item.judged for item in batch) for batch in epoch] == [1, 1, 1, 1]
    assert {item.query for batch in epoch for item in batch} == {item.query for item in items}


@pytest.mark.parametrize(("share", "kind"), [(1.0, True), (0.0, False)])
def test_a_whole_share_takes_one_kind_alone(share, kind):
    items = lists(4) + lists(5, judged=True, name="j")
    sampling = Sampling(queries=2, hits=5, seed=1, judged_share=share)

    epoch = epoch_batches(items, sampling, epoch=0)

    assert {item.judged for batch in epoch for item in batch} == {kind}
    assert len(epoch) == (3 if kind else 2)


def test_what_cannot_be_sampled_is_refused():
    with pytest.raises(ValueError, match="no lists"):
        epoch_batches([], Sampling(queries=1, hits=1, seed=1), epoch=0)
    with pytest.raises(ValueError, match="0 judged and 2 other"):
        epoch_batches(lists(2), Sampling(queries=2, hits=1, seed=1, judged_share=0.5), epoch=0)
    with pytest.raises(ValueError, match="at least 1"):
        Sampling(queries=0, hits=1, seed=1)
    with pytest.raises(ValueError, match=r"0\.\.1"):
        Sampling(queries=1, hits=1, seed=1, judged_share=2)


def test_processes_share_a_batch_and_none_goes_without():
    batch = tuple(lists(5))

    shares = [own_share(batch, process=n, processes=2) for n in range(2)]

    assert sorted(item.query for share in shares for item in share) == [f"q{n}" for n in range(5)]
    assert [len(own_share(batch[:2], process=n, processes=3)) for n in range(3)] == [1, 1, 1]
