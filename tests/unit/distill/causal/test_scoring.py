import pytest

from qrmiddleware.distill.causal.rows import TokenRow, prompt_ids, response_row
from qrmiddleware.distill.causal.scoring import (
    choice_probabilities,
    log_probabilities,
    response_logits,
    spelled_choices,
)

pytestmark = pytest.mark.students
CODES = (" E", " S", " I")


def asked(lm, text):
    return prompt_ids(lm, [{"role": "user", "content": text}])


def by_hand(lm, torch, row):
    """Sum log-softmax token after token, each from a pass of its own."""
    total = 0.0
    for place in range(row.prompt, len(row.ids)):
        with torch.no_grad():
            logits = lm.model(torch.tensor([row.ids[:place]])).logits[0, -1]
        total += logits.log_softmax(-1)[row.ids[place]].item()
    return total


@pytest.fixture
def rows(lm):
    prompts = [
        prompt_ids(lm, [{"role": "user", "content": text}]) for text in ("red", "a blue hat")
    ]
    texts = ("conclusion: E", "no", "shoe and hat and shoe")
    return [response_row(lm, prompt, text) for prompt in prompts for text in texts]


@pytest.mark.parametrize("budget", [1, 60, 1000])
def test_responses_score_as_token_after_token_whatever_the_batch(torch, lm, rows, budget):
    told = log_probabilities(lm, rows, budget=budget)

    assert told == pytest.approx([by_hand(lm, torch, row) for row in rows], abs=1e-3)


def test_normalised_scores_are_means_over_the_responses_tokens(lm, rows):
    sums = log_probabilities(lm, rows, budget=100)
    means = log_probabilities(lm, rows, budget=100, normalised=True)

    lengths = [len(row.ids) - row.prompt for row in rows]
    assert means == pytest.approx([s / n for s, n in zip(sums, lengths, strict=True)], rel=1e-4)


def test_logits_stand_beside_the_tokens_that_should_have_come(torch, lm):
    rows = [TokenRow((70, 71, 72, 73, 1), 3), TokenRow((80, 81, 82, 1), 2)]

    logits, labels = response_logits(lm.model, rows, pad=lm.pad)

    assert labels.tolist() == [[-100, 73, 1], [82, 1, -100]]
    whole = lm.model(torch.tensor([rows[0].ids])).logits[0]
    assert torch.allclose(logits[0, 1:], whole[2:4], atol=1e-4)


def test_a_text_without_a_prompt_is_learnt_from_its_second_token(torch, lm):
    logits, labels = response_logits(lm.model, [TokenRow((70, 71, 72))], pad=lm.pad)

    assert labels.tolist() == [[71, 72]]
    assert logits.shape[:2] == labels.shape


def test_classes_are_the_softmax_over_their_tokens_logits(torch, lm):
    shared, codes = spelled_choices(lm, "conclusion:", CODES)
    assert [len(ids) for ids in codes] == [1, 1, 1]
    prompts = [
        (*prompt_ids(lm, [{"role": "user", "content": c}]), *shared) for c in ("red", "a hat")
    ]

    told = choice_probabilities(lm, prompts, [codes] * 2, budget=100)

    for prompt, shares in zip(prompts, told, strict=True):
        with torch.no_grad():
            logits = lm.model(torch.tensor([prompt])).logits[0, -1]
        wanted = logits[[ids[0] for ids in codes]].softmax(-1)
        assert shares == pytest.approx(wanted.tolist(), abs=1e-4)
        assert sum(shares) == pytest.approx(1)
    assert max(map(max, told)) - min(map(min, told)) > 0.1


def test_choices_of_several_tokens_are_compared_by_their_products(torch, lm):
    shared, words = spelled_choices(lm, "conclusion:", (" xyz", " qrs"))
    assert min(map(len, words)) > 1

    (told,) = choice_probabilities(lm, [shared], [words], budget=100)

    sums = [by_hand(lm, torch, TokenRow((*shared, *ids), len(shared))) for ids in words]
    assert told == pytest.approx(torch.tensor(sums).softmax(0).tolist(), abs=1e-4)


def test_single_and_longer_choices_keep_their_places(lm):
    _, codes = spelled_choices(lm, "conclusion:", CODES)
    _, words = spelled_choices(lm, "conclusion:", (" xyz", " qrs"))

    told = choice_probabilities(lm, [(70,), (71,), (72,)], [words, codes, words], budget=100)

    assert [len(shares) for shares in told] == [2, 3, 2]
    assert told[1] == choice_probabilities(lm, [(71,)], [codes], budget=100)[0]


def test_a_choice_that_begins_another_is_told_apart_by_its_end(lm):
    shared, (short, longer) = spelled_choices(lm, "", ("x", "xy"))

    assert short == (lm.end,)
    assert longer[-1] == lm.end
    assert lm.tokenizer.decode(shared) == "x"
