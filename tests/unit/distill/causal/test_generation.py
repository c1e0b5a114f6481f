import pytest

from qrmiddleware.distill.causal.generation import Decoding, respond
from qrmiddleware.distill.causal.rows import TokenRow, prompt_ids
from qrmiddleware.distill.causal.scoring import log_probabilities

pytestmark = pytest.mark.students
TOKENS = 6


@pytest.fixture
def prompts(lm):
    return [prompt_ids(lm, [{"role": "user", "content": text}]) for text in ("red", "a blue hat")]


def likeliest(lm, torch, prompt):
    """Take the likeliest token, again and again, without a cache and without padding."""
    ids = list(prompt)
    while len(ids) < len(prompt) + TOKENS and ids[-1] != lm.end:
        with torch.no_grad():
            ids.append(int(lm.model(torch.tensor([ids])).logits[0, -1].argmax()))
    return lm.tokenizer.decode(ids[len(prompt) :], skip_special_tokens=True)


def test_the_likeliest_response_is_that_of_token_after_token(torch, lm, prompts):
    told = respond(lm, prompts, Decoding(TOKENS), budget=1000)

    assert [said.text for (said,) in told] == [likeliest(lm, torch, each) for each in prompts]


def test_draws_repeat_by_their_seed_and_differ_by_it(lm, prompts):
    def texts(seed):
        made = respond(lm, prompts, Decoding(TOKENS, 1.0, samples=3, seed=seed), budget=1000)
        assert [len(group) for group in made] == [3, 3]
        return [said.text for group in made for said in group]

    assert texts(0) == texts(0)
    assert texts(0) != texts(1)
    assert len(set(texts(0))) > 1


def test_drawing_leaves_chance_and_the_checkpoints_own_habits_alone(torch, lm, prompts):
    lm.model.generation_config.update(do_sample=True, temperature=9.0, top_k=1)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)

    greedy = respond(lm, prompts, Decoding(TOKENS), budget=1000)
    drawn = respond(lm, prompts, Decoding(TOKENS, 5.0, samples=8), budget=1000)

    assert torch.rand(1) == expected
    assert greedy == respond(lm, prompts, Decoding(TOKENS), budget=1000)
    assert len({said.text for said in drawn[0]}) > 1  # top_k 1 would leave one


def test_draws_are_as_likely_as_the_model_says(torch, lm):
    with torch.no_grad():
        shares = (lm.model(torch.tensor([[70]])).logits[0, -1] / 0.2).softmax(-1)
    first = int(shares.argmax())
    assert 0.05 < shares[first] < 0.95

    (made,) = respond(lm, [(70,)], Decoding(1, 0.2, samples=2000), budget=10**6)

    text = lm.tokenizer.decode([first])  # half a character looks like any other
    alike = [n for n in range(len(shares)) if lm.tokenizer.decode([n]) == text]
    drawn = sum(said.text == text for said in made) / 2000
    assert drawn == pytest.approx(float(shares[alike].sum()), abs=0.05)


def test_a_response_says_whether_it_came_to_its_end(torch, lm, prompts):
    with torch.no_grad():  # the last norm's answer points at one token's vector alone
        lm.model.model.norm.weight.zero_()
    (cut,), _ = respond(lm, prompts, Decoding(TOKENS), budget=1000)
    lm.model.generation_config.eos_token_id = [lm.end, 0]  # all logits are alike: token 0 comes
    (ended,), _ = respond(lm, prompts, Decoding(TOKENS), budget=1000)

    assert (cut.ended, cut.tokens) == (False, TOKENS)
    assert (ended.ended, ended.ids, ended.text) == (True, (0,), "")


def test_beams_find_the_likeliest_of_all_responses(torch, lm, prompts):
    """As wide as everything that two tokens can say: a search that is no search."""
    lm.model.generation_config.eos_token_id = None
    (found,) = respond(lm, prompts[:1], Decoding(2, samples=3, beams=280), budget=10**6)

    with torch.no_grad():
        first = lm.model(torch.tensor([prompts[0]])).logits[0, -1].log_softmax(-1)
        rows = torch.tensor([[*prompts[0], token] for token in range(len(first))])
        second = lm.model(rows).logits[:, -1].log_softmax(-1)
    total = first[:, None] + second
    total[lm.end] = first[lm.end]  # ended: nothing follows
    best = total[torch.arange(len(first)) != lm.end].flatten().topk(3).values.tolist()
    likely = [
        float(first[each.ids[0]] + second[each.ids[0], each.ids[1]])
        for each in found
        if len(each.ids) == 2
    ]
    assert len(likely) > 0
    assert likely == pytest.approx(best[: len(likely)], abs=1e-3)


def test_beams_are_the_same_every_time_and_the_best_come_first(lm, prompts):
    told = Decoding(TOKENS, samples=3, beams=6)

    found = respond(lm, prompts, told, budget=1000)

    assert found == respond(lm, prompts, told, budget=1000)
    for prompt, group in zip(prompts, found, strict=True):
        assert len({said.ids for said in group}) == 3
        rows = [TokenRow((*prompt, *said.ids), len(prompt)) for said in group]
        likely = log_probabilities(lm, rows, budget=1000, normalised=True)
        assert likely == sorted(likely, reverse=True)


def test_beams_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="2 beams for 3 responses"):
        Decoding(TOKENS, samples=3, beams=2)
    with pytest.raises(ValueError, match=r"temperature of 1\.0"):
        Decoding(TOKENS, temperature=1.0, beams=2)


def test_nothing_is_asked_about_nothing(lm):
    assert respond(lm, [], Decoding(TOKENS), budget=1000) == []
