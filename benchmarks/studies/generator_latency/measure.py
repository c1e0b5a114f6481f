"""What a query's rewrites cost: the figures on generators in docs/students_serving.md.

    uv run --all-packages --extra students --extra distill \
        python benchmarks/studies/generator_latency/measure.py

(one line), on an idle machine. Weights are random, which takes as long, and hardly ever end a
text, so that every rewrite has all its tokens; every query is new. The ways to decode take turns.
"""

import random
import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from tokenizers import Tokenizer, models, pre_tokenizers

from qrmiddleware.distill.exporting.converter import convert_network
from qrmiddleware.students.folder import write_student
from qrmiddleware.students.generator import DecodingOptions, Generator
from qrmiddleware.students.manifest import Architecture, Inputs, Manifest
from qrmiddleware.students.settings import RuntimeSettings

WORDS: Final = 8000
SPECIAL: Final = ("<pad>", "<unk>", "</s>")
WIDTH: Final = 256
TOKENS: Final = 8
ROUNDS: Final = 60
SPREAD: Final = 1.2 / WIDTH**0.5
"""Of the weights: wide enough for outputs to depend on inputs."""
WAYS: Final[Mapping[str, DecodingOptions]] = {
    "greedy, 1 rewrite": DecodingOptions(n=1, beams=1, max_new_tokens=TOKENS),
    "beam 4, 4 rewrites": DecodingOptions(n=4, beams=4, max_new_tokens=TOKENS),
    "4 alternatives": DecodingOptions(n=4, method="alternatives", max_new_tokens=TOKENS),
    "4 draws, no seed": DecodingOptions(
        n=4, method="sampling", top_k=20, seed=None, max_new_tokens=TOKENS
    ),
}


def decoder_only() -> Any:  # noqa: ANN401 a class of a heavy library
    """Make a small Qwen3 with random weights."""
    import transformers

    return transformers.Qwen3ForCausalLM(
        transformers.Qwen3Config(
            vocab_size=WORDS + len(SPECIAL),
            hidden_size=WIDTH,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=64,
            intermediate_size=3 * WIDTH,
            initializer_range=SPREAD,
            tie_word_embeddings=True,
            pad_token_id=0,
            eos_token_id=2,
            bos_token_id=None,
        )
    )


def encoder_decoder() -> Any:  # noqa: ANN401 a class of a heavy library
    """Make a small T5 with random weights: a deep encoder, and a decoder of two layers."""
    import transformers

    return transformers.T5ForConditionalGeneration(
        transformers.T5Config(
            vocab_size=WORDS + len(SPECIAL),
            d_model=WIDTH,
            d_kv=64,
            d_ff=4 * WIDTH,
            num_layers=6,
            num_decoder_layers=2,
            num_heads=4,
            initializer_factor=1.0,
            pad_token_id=0,
            eos_token_id=2,
            decoder_start_token_id=0,
        )
    )


SHAPES: Final = {
    "decoder-only, 4 layers of 256": ("qwen3", decoder_only),
    "encoder-decoder, 6 + 2 layers of 256": ("t5", encoder_decoder),
}


def make_generator(folder: Path, family: str, network: Any) -> Path:  # noqa: ANN401 as above
    """Write a student's folder, with weights stored as int8."""
    import transformers

    checkpoint, target = folder / f"{family}-checkpoint", folder / family
    network.save_pretrained(checkpoint)
    words = {
        token: place for place, token in enumerate((*SPECIAL, *map("w{}".format, range(WORDS))))
    }
    tokenizer = Tokenizer(models.WordLevel(words, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = {"pad_token": "<pad>", "unk_token": "<unk>", "eos_token": "</s>"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(
        checkpoint
    )
    target.mkdir()
    convert_network(checkpoint, target / "model", stored="int8")
    tokenizer.save(str(target / "tokenizer.json"))
    architecture = Architecture(
        family=family,
        layers=network.config.num_hidden_layers,
        hidden=WIDTH,
        vocabulary=len(words),
        parameters=network.num_parameters(),
        encoder_decoder=family == "t5",
    )
    inputs = Inputs(prompt="{query} </s>" if family == "t5" else "{query}")
    write_student(
        target,
        Manifest(kind="generator", name=family, architecture=architecture, inputs=inputs, files={}),
    )
    return target


def measure(rewriter: Generator, draw: random.Random) -> dict[str, list[float]]:
    """Return milliseconds a query for each way, shortest first; the first three do not count."""
    took: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(ROUNDS + 3):
        for name, options in WAYS.items():
            query = " ".join(f"w{draw.randrange(WORDS)}" for _ in range(3))
            began = perf_counter()
            rewriter.generate(query, options)
            took[name].append(1_000 * (perf_counter() - began))
    return {name: sorted(times[3:]) for name, times in took.items()}


def main() -> None:
    """Measure both shapes, and print a table."""
    import torch

    draw = random.Random(7)  # noqa: S311 not a secret
    torch.manual_seed(7)
    sys.stdout.write("| generator | rewrites | min | p50 | p95 |\n|---|---|---|---|---|\n")
    with tempfile.TemporaryDirectory() as place:
        for name, (family, network) in SHAPES.items():
            folder = make_generator(Path(place), family, network())
            rewriter = Generator.open(folder, RuntimeSettings(device="cpu"))
            for way, took in measure(rewriter, draw).items():
                p50, p95 = statistics.median(took), took[int(0.95 * len(took))]
                sys.stdout.write(f"| {name} | {way} | {took[0]:.1f} | {p50:.1f} | {p95:.1f} |\n")
                sys.stdout.flush()
            rewriter.close()


if __name__ == "__main__":
    main()
