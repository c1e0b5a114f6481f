"""A language model on this machine as teacher: it reasons, and its doubt is read off its logits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from qrmiddleware.distill.batching import token_batches
from qrmiddleware.distill.causal.generation import Decoding, Response, respond
from qrmiddleware.distill.causal.models import CausalLm, load_causal
from qrmiddleware.distill.causal.rows import prompt_ids
from qrmiddleware.distill.causal.scoring import choice_probabilities, spelled_choices
from qrmiddleware.distill.chains import Chain
from qrmiddleware.distill.labels import (
    Label,
    Outcome,
    Pair,
    Unlabelled,
    expected_gain,
    label_for,
)
from qrmiddleware.distill.placing import Device, Precision, device_of, dtype_of
from qrmiddleware.distill.teachers.answers import (
    AnswerError,
    Completion,
    Reason,
    read_chain,
)
from qrmiddleware.distill.teachers.chain_form import ChainForm, read_form
from qrmiddleware.distill.weights import add_files
from qrmiddleware.errors import ConfigError


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """Which model labels, and how.

    Attributes:
        model: A checkpoint's folder, or its name at the hub; its weights are safetensors.
        attempts: At a chain. The first is the likeliest answer, the others are drawn.
        temperature: Of these.
        most_tokens: Of a chain.
        seed: Of what is drawn.
        device: ``auto`` takes a GPU where there is one.
        precision: ``auto`` takes bfloat16 on a GPU that has it, float32 elsewhere.
        batch_tokens: Of a batch, padding and answers included.
    """

    model: str
    attempts: int = 3
    temperature: float = 0.3
    most_tokens: int = 160
    seed: int = 0
    device: Device = "auto"
    precision: Precision = "auto"
    batch_tokens: int = 16384


class LocalTeacher:
    """Writes a chain of reasons for each pair, and tells how likely each class is behind it.

    Probabilities are those of the classes' codes where the conclusion of the chain stands, given
    all that it wrote before. Answers that are no chain after all attempts leave their pair without
    a label.

    Args:
        options: Which model, and how it is asked.
        form: In which words, and for which classes; what the checkpoint's folder says if ``None``,
            or else the packaged prompt.

    Raises:
        ConfigError: If there is no such checkpoint, or it is no language model.

    Source: chains as ELLM-rele's teacher writes them, arXiv:2411.13045 (abstract: reasoning in
    steps, and a distribution of scores); that the distribution is read behind the chain is ours.
    """

    def __init__(self, options: LocalOptions, form: ChainForm | None = None) -> None:
        self._options = options
        self._lm = _load(options)
        self._form = form or read_form(options.model) or ChainForm()
        self._name = _identity(options, self._form, self._lm)

    @property
    def name(self) -> str:
        """Checkpoint, prompt, and a hash of all that may change answers or targets."""
        return self._name

    def label(self, pairs: Sequence[Pair]) -> Iterator[Outcome]:
        """Label pairs in batches, longest first, so that too large a batch fails at once."""
        asked = [prompt_ids(self._lm, self._form.messages(pair)) for pair in pairs]
        lengths = [len(ids) + self._options.most_tokens for ids in asked]
        for batch in token_batches(lengths, budget=self._options.batch_tokens):
            yield from self._label([pairs[n] for n in batch], [asked[n] for n in batch])

    def _label(self, pairs: Sequence[Pair], asked: Sequence[tuple[int, ...]]) -> Iterator[Outcome]:
        chains: dict[int, Chain] = {}
        failures: dict[int, AnswerError] = {}
        spent = [0] * len(pairs)
        for attempt in range(self._options.attempts):
            left = [n for n in range(len(pairs)) if n not in chains]
            for n, response in zip(left, self._ask([asked[n] for n in left], attempt), strict=True):
                spent[n] += response.tokens
                try:
                    chains[n] = self._read(response)
                except AnswerError as error:
                    failures[n] = error
        shares = self._shares([(asked[n], chain) for n, chain in chains.items()])
        doubts = dict(zip(chains, shares, strict=True))
        for n, pair in enumerate(pairs):
            tokens = (len(asked[n]), spent[n])
            if n in chains:
                yield self._told(pair, chains[n], doubts[n], tokens)
            else:
                yield Unlabelled(pair, failures[n].reason.value, failures[n].detail, *tokens)

    def _ask(self, prompts: Sequence[tuple[int, ...]], attempt: int) -> list[Response]:
        options = self._options
        decoding = Decoding(
            options.most_tokens,
            options.temperature if attempt else 0.0,
            seed=options.seed + attempt,
        )
        return [
            said for (said,) in respond(self._lm, prompts, decoding, budget=options.batch_tokens)
        ]

    def _read(self, response: Response) -> Chain:
        if not response.ended:
            raise AnswerError(Reason.CUT_OFF, f"{response.tokens} tokens were not enough")
        return read_chain(Completion(response.text), self._form.classes)

    def _shares(self, told: Sequence[tuple[tuple[int, ...], Chain]]) -> list[list[float]]:
        """Return the probability of each class where a chain concludes."""
        form = self._form
        prompts, choices = [], []
        for prompt, chain in told:
            before = form.up_to_conclusion(chain)
            shared, codes = spelled_choices(self._lm, before, form.conclusions)
            prompts.append((*prompt, *shared))
            choices.append(codes)
        return choice_probabilities(self._lm, prompts, choices, budget=self._options.batch_tokens)

    def _told(
        self, pair: Pair, chain: Chain, shares: Sequence[float], tokens: tuple[int, int]
    ) -> Label:
        classes = self._form.classes
        probabilities = dict(zip(classes.codes, shares, strict=True))
        target = expected_gain(probabilities, classes.gains)
        return replace(
            label_for(pair, self._name, target),
            grade=chain.conclusion,
            probabilities=probabilities,
            reason=str(chain),
            prompt_tokens=tokens[0],
            completion_tokens=tokens[1],
        )


def _load(options: LocalOptions) -> CausalLm:
    if options.attempts < 1:
        message = f"{options.attempts} attempts at a chain: at least 1"
        raise ConfigError(message)
    try:
        import torch  # noqa: F401 tells that it is missing
        import transformers  # noqa: F401
    except ImportError as error:
        message = "a local language model needs torch: pip install 'qrmiddleware[distill]'"
        raise ConfigError(message) from error
    device = device_of(options.device)
    lm = load_causal(options.model, dtype=dtype_of(options.precision, device))
    lm.model.to(device)
    return lm


def _identity(options: LocalOptions, form: ChainForm, lm: CausalLm) -> str:
    how = (options.attempts, options.temperature, options.most_tokens, options.seed)
    told = sha256(repr((how, str(lm.model.dtype), form.longest_text)).encode())
    told.update(repr((sorted(form.prompt.parts.items()), form.classes)).encode())
    folder = Path(options.model)
    if folder.is_dir():
        add_files(told, folder)
    else:
        told.update(str(getattr(lm.model.config, "_commit_hash", "")).encode())
    name = folder.resolve().name if folder.is_dir() else options.model
    return f"local:{name}:{form.prompt.version}:{told.hexdigest()[:8]}"
