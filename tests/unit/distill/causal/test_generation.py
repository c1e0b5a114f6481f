import pytest

from qrmiddleware.distill.causal.generation import Decoding, respond
from qrmiddleware.distill.causal.rows import prompt_ids

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


def test_nothing_is_asked_about_nothing(lm):
    assert respond(lm, [], Decoding(TOKENS), budget=1000) == []
