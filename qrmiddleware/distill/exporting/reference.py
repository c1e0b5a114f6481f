"""What the checkpoint itself answers, in float32 on torch, one row at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qrmiddleware.distill.exporting.checkpoint import Checkpoint
from qrmiddleware.distill.exporting.libraries import library, quiet_transformers
from qrmiddleware.distill.exporting.tokenizer import load_tokenizer
from qrmiddleware.errors import ConfigError
from qrmiddleware.students.manifest import Kind, Pooling

Numbers = npt.NDArray[np.float32]
Ids = tuple[int, ...]

_CLASSES: Final[dict[Kind, str]] = {
    "cross_encoder": "AutoModelForSequenceClassification",
    "bi_encoder": "AutoModel",
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A checkpoint, loaded.

    Attributes:
        checkpoint: Where it comes from.
        model: Of transformers.
        tokenizer: Of transformers, a fast one.
    """

    checkpoint: Checkpoint
    model: Any
    tokenizer: Any

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return int(sum(each.numel() for each in self.model.parameters()))

    def pair_ids(self, query: str, text: str) -> tuple[Ids, Ids]:
        """Return token ids and token types of a pair."""
        encoded = self.tokenizer(query, text)
        ids = tuple(encoded["input_ids"])
        return ids, tuple(encoded.get("token_type_ids") or (0,) * len(ids))

    def text_ids(self, text: str) -> Ids:
        """Return the token ids of a text, special tokens included."""
        return tuple(self.tokenizer(text)["input_ids"])

    def source_ids(self, text: str) -> Ids:
        """Return the token ids that a generator goes on from, or reads.

        A decoder goes on where the prompt ends, so that the end which some tokenizers put after
        every text is left out.
        """
        ids = self.text_ids(text)
        ended = ids[-1:] == (self.tokenizer.eos_token_id,)
        return ids[:-1] if ended and not self.checkpoint.family.encoder_decoder else ids

    def plain_ids(self, text: str) -> Ids:
        """Return the token ids of a text alone."""
        return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """Return tokens as the vocabulary spells them."""
        return list(self.tokenizer.convert_ids_to_tokens(list(ids)))

    def logits(self, pairs: Sequence[tuple[str, str]]) -> Numbers:
        """Score pairs with a cross-encoder; shape (pairs, labels)."""
        rows = [self._run(*self.pair_ids(query, text)).logits[0] for query, text in pairs]
        return np.stack([row.numpy() for row in rows])

    def vectors(self, texts: Sequence[str], pooling: Pooling) -> Numbers:
        """Pool a bi-encoder's token vectors, before any dense layer; shape (texts, hidden)."""
        rows: list[Numbers] = []
        for text in texts:
            ids = self.text_ids(text)
            output = self._run(ids, (0,) * len(ids))
            rows.append(_pooled(output, pooling).numpy())
        return np.stack(rows)

    def log_probabilities(self, source: str, target: str) -> Numbers:
        """Teacher-force a generator; one natural logarithm a token.

        Of an encoder-decoder: of the target's tokens and the end. Of a decoder: of all tokens of
        source and target but the first.
        """
        sources, targets = self.source_ids(source), self.plain_ids(target)
        if self.checkpoint.family.encoder_decoder:
            wanted = (*targets, self.model.config.eos_token_id)
            scores = self._decode(sources, targets)
        else:
            row = (*sources, *targets)
            wanted, scores = row[1:], self._decode(row, ())[:-1]
        return np.asarray(
            [float(scores[place, token]) for place, token in enumerate(wanted)], dtype=np.float32
        )

    def greedy(self, source: str, most: int) -> Ids:
        """Take the most probable token, at most ``most`` times; without the end."""
        sources = self.source_ids(source)
        written: Ids = ()
        ends = _as_tuple(self.model.config.eos_token_id)
        while len(written) < most:
            if self.checkpoint.family.encoder_decoder:
                scores = self._decode(sources, written)
            else:
                scores = self._decode((*sources, *written), ())
            token = int(scores[-1].argmax())
            if token in ends:
                break
            written = (*written, token)
        return written

    def _run(self, ids: Ids, types: Ids) -> Any:  # noqa: ANN401 - an output of transformers
        torch = library("torch")
        given = {"input_ids": torch.tensor([ids], dtype=torch.long)}
        if self.checkpoint.family.token_types:
            given["token_type_ids"] = torch.tensor([types])
        with torch.no_grad():
            return self.model(**given)

    def _decode(self, sources: Ids, written: Ids) -> Any:  # noqa: ANN401 - a tensor
        """Return the logarithm of the next token's distribution after each token."""
        torch = library("torch")
        given = {"input_ids": torch.tensor([sources], dtype=torch.long)}
        if self.checkpoint.family.encoder_decoder:
            start = self.model.config.decoder_start_token_id
            given["decoder_input_ids"] = torch.tensor([(start, *written)])
        with torch.no_grad():
            logits = self.model(**given).logits[0]
        if "pad_is_last" in self.checkpoint.family.checks:
            logits[:, self.model.config.pad_token_id] = -torch.inf  # what the conversion cuts off
        return logits.log_softmax(-1)


def load_reference(checkpoint: Checkpoint, *, with_pooler: bool = True) -> Reference:
    """Load model and tokenizer, from safetensors alone.

    Args:
        checkpoint: What to load.
        with_pooler: Whether the answers depend on BERT's pooler, so that it must be there.

    Raises:
        ConfigError: If transformers cannot, weights are missing, which transformers would draw by
            chance, or there is no fast tokenizer.
    """
    with quiet_transformers() as transformers:
        model_class = getattr(transformers, _class_of(checkpoint))
        try:
            model, told = model_class.from_pretrained(
                checkpoint.folder,
                dtype=library("torch").float32,
                use_safetensors=True,
                output_loading_info=True,
                local_files_only=True,
            )
        except Exception as error:  # transformers raises anything, safetensors' own included
            message = f"{checkpoint.folder} cannot be loaded by transformers: {error}"
            raise ConfigError(message) from error
    missing = [each for each in told["missing_keys"] if with_pooler or "pooler" not in each]
    if missing:
        message = (
            f"{checkpoint.folder} has no weights {', '.join(sorted(missing)[:6])}, which a "
            f"{checkpoint.kind} needs: it was trained as something else"
        )
        raise ConfigError(message)
    tokenizer = load_tokenizer(checkpoint.folder)
    if checkpoint.kind == "generator" and tokenizer.eos_token is None:
        message = (
            f"{checkpoint.folder} has a tokenizer without eos_token, so that nothing it writes "
            "would end: name the token that ended its texts in training"
        )
        raise ConfigError(message)
    return Reference(checkpoint, model.eval(), tokenizer)


def _class_of(checkpoint: Checkpoint) -> str:
    generates = (
        "AutoModelForSeq2SeqLM" if checkpoint.family.encoder_decoder else ("AutoModelForCausalLM")
    )
    return _CLASSES.get(checkpoint.kind, generates)


def _pooled(output: Any, pooling: Pooling) -> Any:  # noqa: ANN401 - of torch
    match pooling:
        case "mean":
            return output.last_hidden_state[0].mean(0)
        case "first":
            return output.last_hidden_state[0, 0]
        case "pooler":
            return output.pooler_output[0]


def _as_tuple(ids: int | Sequence[int] | None) -> Ids:
    if ids is None:
        return ()
    return (ids,) if isinstance(ids, int) else tuple(ids)
