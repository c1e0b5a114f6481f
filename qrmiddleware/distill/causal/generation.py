"""Responses of a language model: its most likely ones, or repeatable draws."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from qrmiddleware.distill.batching import token_batches
from qrmiddleware.distill.causal.models import CausalLm


@dataclass(frozen=True, slots=True)
class Decoding:
    """How responses are made.

    Attributes:
        most_tokens: Of a response; what is longer is cut off.
        temperature: 0 always takes the likeliest token; at 1 tokens are drawn as the model says.
        samples: Responses to each prompt.
        seed: Of the draws.
        beams: Width of a search for the responses that are likeliest by the mean of their tokens,
            best first; it draws nothing. 0 searches for none.

    Raises:
        ValueError: If a search is too narrow for its responses, or also to draw.
    """

    most_tokens: int
    temperature: float = 0.0
    samples: int = 1
    seed: int = 0
    beams: int = 0

    def __post_init__(self) -> None:
        if self.beams and (self.beams < self.samples or self.temperature > 0):
            message = (
                f"{self.beams} beams for {self.samples} responses at a temperature of "
                f"{self.temperature}: as many beams as responses are needed, and none is drawn"
            )
            raise ValueError(message)

    @property
    def rows(self) -> int:
        """How many responses to a prompt are written at once."""
        return max(self.samples, self.beams)


@dataclass(frozen=True, slots=True)
class Response:
    """One response.

    Attributes:
        text: Without the token that ends it.
        ids: Tokens as they came, that one included; the text need not be split the same again.
        ended: It came to its end, and was not cut off.
    """

    text: str
    ids: tuple[int, ...]
    ended: bool

    @property
    def tokens(self) -> int:
        """How many there were."""
        return len(self.ids)


def respond(
    lm: CausalLm, prompts: Sequence[Sequence[int]], decoding: Decoding, *, budget: int
) -> list[list[Response]]:
    """Respond to prompts, in batches of at most ``budget`` tokens, responses included.

    The same prompts, in the same order, get the same responses on the same machine.

    Returns:
        Of each prompt so many samples.
    """
    lengths = [(len(ids) + decoding.most_tokens) * decoding.rows for ids in prompts]
    found: list[list[Response]] = [[] for _ in prompts]
    for group in token_batches(lengths, budget=budget):
        told = _respond(lm, [prompts[n] for n in group], decoding)
        for place, number in enumerate(group):
            found[number] = told[place * decoding.samples : (place + 1) * decoding.samples]
    return found


def _respond(lm: CausalLm, prompts: Sequence[Sequence[int]], decoding: Decoding) -> list[Response]:
    import torch
    from transformers import GenerationConfig

    device = next(lm.model.parameters()).device
    width = max(map(len, prompts))
    ids = [[*[lm.pad] * (width - len(prompt)), *prompt] for prompt in prompts]
    mask = [[*[0] * (width - len(prompt)), *[1] * len(prompt)] for prompt in prompts]
    drawn = {"do_sample": True, "temperature": decoding.temperature, "top_k": 0, "top_p": 1.0}
    config = GenerationConfig(
        max_new_tokens=decoding.most_tokens,
        num_return_sequences=decoding.samples,
        repetition_penalty=1.0,
        use_cache=True,
        pad_token_id=lm.pad,
        eos_token_id=sorted(lm.ends),
        num_beams=decoding.beams or 1,
        **(drawn if decoding.temperature > 0 else {"do_sample": False}),
    )
    lm.model.eval()
    told = sha256(repr((decoding.seed, ids)).encode()).digest()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(int.from_bytes(told[:7], "big"))
        with torch.inference_mode():
            made = lm.model.generate(
                input_ids=torch.tensor(ids, device=device),
                attention_mask=torch.tensor(mask, device=device),
                generation_config=config,
            )
    return [_response(lm, row[width:]) for row in made.tolist()]


def _response(lm: CausalLm, ids: Sequence[int]) -> Response:
    end = next((n for n, token in enumerate(ids) if token in lm.ends), None)
    said = ids if end is None else ids[:end]
    text = lm.tokenizer.decode(said, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return Response(text, tuple(ids if end is None else ids[: end + 1]), end is not None)
