"""The same checkpoints in transformers and as students."""

import itertools

import numpy as np
import pytest

from qrmiddleware.students.folder import write_student
from qrmiddleware.students.generator import DecodingOptions, Generator
from qrmiddleware.students.manifest import Architecture, Inputs, Manifest
from qrmiddleware.students.settings import RuntimeSettings

pytestmark = [pytest.mark.students, pytest.mark.filterwarnings("ignore")]

EXACT = RuntimeSettings(device="cpu", compute_type="float32")
LONGEST = 8
QUERIES = [
    " ".join(words)
    for n in (1, 2, 3)
    for words in itertools.product(("ab", "cd", "a", "d"), repeat=n)
]


def make_qwen3():
    from transformers import Qwen3Config, Qwen3ForCausalLM

    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=16,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
            initializer_range=0.6,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=3,
            tie_word_embeddings=False,
        )
    )


def make_t5():
    from transformers import T5Config, T5ForConditionalGeneration

    return T5ForConditionalGeneration(
        T5Config(
            vocab_size=16,
            d_model=16,
            d_kv=8,
            d_ff=32,
            num_layers=2,
            num_heads=2,
            initializer_factor=4.0,
            eos_token_id=1,
            pad_token_id=3,
            decoder_start_token_id=3,
        )
    )


@pytest.fixture(scope="module", params=["qwen3", "t5"])
def pair(request, tmp_path_factory, tokenizer_of):
    """A checkpoint in evaluation mode, its tokenizer, and the student made of it."""
    torch = pytest.importorskip("torch")
    from ctranslate2.converters import TransformersConverter
    from transformers import PreTrainedTokenizerFast

    torch.manual_seed(3)
    encoder_decoder = request.param == "t5"
    model = {"qwen3": make_qwen3, "t5": make_t5}[request.param]().eval()
    checkpoint = tmp_path_factory.mktemp("checkpoint")
    student = tmp_path_factory.mktemp("student")
    model.save_pretrained(checkpoint)
    tokenizer = tokenizer_of(ends=encoder_decoder)
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
    fast.save_pretrained(checkpoint)
    TransformersConverter(str(checkpoint)).convert(str(student / "model"))
    tokenizer.save(str(student / "tokenizer.json"))
    architecture = Architecture(
        family=request.param,
        layers=2,
        hidden=16,
        vocabulary=16,
        parameters=model.num_parameters(),
        encoder_decoder=encoder_decoder,
    )
    manifest = Manifest(
        kind="generator", name="tiny", architecture=architecture, inputs=Inputs(), files={}
    )
    write_student(student, manifest)
    return model, tokenizer, student


def greedy(model, tokenizer, query):
    """What transformers writes greedily: tokens without the end, and their mean log-probability."""
    import torch

    ids = torch.tensor([tokenizer.encode(query).ids])
    with torch.no_grad():
        result = model.generate(
            ids,
            do_sample=False,
            num_beams=1,
            max_new_tokens=LONGEST + 1,
            output_logits=True,
            return_dict_in_generate=True,
        )
    written = result.sequences[0, -len(result.logits) :].tolist()
    steps = [
        torch.log_softmax(row[0], -1)[token]
        for row, token in zip(result.logits, written, strict=True)
    ]
    if written[-1] != 1:
        return None
    return written[:-1], float(np.mean([float(step) for step in steps]))


def test_greedy_rewrites_are_those_of_transformers(pair):
    model, tokenizer, folder = pair
    student = Generator.open(folder, EXACT)
    options = DecodingOptions(n=1, beams=1, max_new_tokens=LONGEST, drop_echoes=False)

    compared = 0
    for query in QUERIES:
        expected = greedy(model, tokenizer, query)
        found = student.generate(query, options)
        special = expected is not None and {0, 2, 3} & set(expected[0])
        if expected is None or special or not tokenizer.decode(expected[0]).strip():
            assert found == ()
            continue
        compared += 1
        assert [tokenizer.token_to_id(token) for token in found[0].tokens] == expected[0]
        assert found[0].log_probability == pytest.approx(expected[1], abs=1e-4)
    assert compared >= 5


def test_a_search_for_terms_reports_what_transformers_gives(pair):
    import torch

    model, tokenizer, folder = pair
    student = Generator.open(folder, EXACT, terms=["ab", "cd", "abc"])

    found = student.generate("ab d", DecodingOptions(max_new_tokens=LONGEST))

    assert found
    prompt = tokenizer.encode("ab d").ids
    for each in found:
        text = [*(tokenizer.token_to_id(token) for token in each.tokens), 1]
        with torch.no_grad():
            if model.config.is_encoder_decoder:
                reply = model(
                    input_ids=torch.tensor([prompt]),
                    decoder_input_ids=torch.tensor([[3, *text[:-1]]]),
                )
                rows = reply.logits[0]
            else:
                rows = model(torch.tensor([[*prompt, *text[:-1]]])).logits[0, len(prompt) - 1 :]
        total = torch.log_softmax(rows, -1)[range(len(text)), text].sum()
        assert each.log_probability == pytest.approx(float(total) / len(text), abs=1e-4)
