"""``qrm label llm``: a language model labels pairs."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from qrmiddleware.asking.endpoint import ATTEMPTS, TIMEOUT_S, EndpointOptions
from qrmiddleware.cli.console import out
from qrmiddleware.cli.distill.labelling import (
    FailureLimitOption,
    GainOption,
    LabelsOption,
    PairsArgument,
    labels_file,
    run_teacher,
)
from qrmiddleware.cli.model_endpoint import (
    AttemptsOption,
    BodyOption,
    CertificatesOption,
    EndpointOption,
    KeyFileOption,
    KeyVariableOption,
    ModelOption,
    TimeoutOption,
    read_body,
    read_key,
)
from qrmiddleware.distill.classes import ESCI, Classes, read_classes, read_gains
from qrmiddleware.distill.label_store import read_labels
from qrmiddleware.distill.labelling import Tally
from qrmiddleware.distill.pair_files import read_pairs
from qrmiddleware.distill.teachers.llm import Estimate, LlmTeacher
from qrmiddleware.distill.teachers.llm_options import LlmOptions
from qrmiddleware.distill.teachers.prompt import load_prompt
from qrmiddleware.distill.teachers.spending import Prices


class AnswerMode(StrEnum):
    """How a model answers."""

    JSON = "json"
    LOGPROBS = "logprobs"
    CHAIN = "chain"


def label_by_llm(
    pairs: PairsArgument,
    endpoint: EndpointOption,
    model: ModelOption,
    labels: LabelsOption = None,
    mode: Annotated[
        AnswerMode,
        typer.Option(
            help="Classes as JSON, probabilities read off the first token, or a chain of reasons."
        ),
    ] = AnswerMode.JSON,
    api_key_env: KeyVariableOption = "",
    api_key_file: KeyFileOption = None,
    ca_certs: CertificatesOption = None,
    label_class: Annotated[
        list[str] | None,
        typer.Option(
            "--class", help="A class, best first: 'E=exact:1:what was asked for'; else E, S, C, I."
        ),
    ] = None,
    gain: GainOption = None,
    prompt: Annotated[
        Path | None, typer.Option(help="A prompt of your own; docs/teachers.md shows its form.")
    ] = None,
    products_per_prompt: Annotated[
        int, typer.Option(min=1, max=50, help="Products of one query to ask about at once.")
    ] = 1,
    longest_text: Annotated[
        int, typer.Option(min=20, help="Characters of a product's text that the model is told.")
    ] = 2000,
    body: BodyOption = "",
    top_logprobs: Annotated[
        int, typer.Option(min=1, max=20, help="Candidates to ask for under --mode logprobs.")
    ] = 20,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests at a time.")] = 4,
    requests_per_minute: Annotated[
        float, typer.Option(min=0, help="At most; 0 for no bound.")
    ] = 0.0,
    tokens_per_minute: Annotated[
        float, typer.Option(min=0, help="At most, by estimate; 0 for no bound.")
    ] = 0.0,
    timeout: TimeoutOption = TIMEOUT_S,
    attempts: AttemptsOption = ATTEMPTS,
    ask_again: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=20,
            help="How often more a product is asked about whose answer cannot be read; else once "
            "under --mode chain without --samples, and never elsewhere.",
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option(min=1, max=100, help="Chains that vote on a product, under --mode chain.")
    ] = 1,
    sample_temperature: Annotated[
        float, typer.Option(min=0.01, max=2, help="At which these are drawn.")
    ] = 0.7,
    least_agreement: Annotated[
        float, typer.Option(min=0, max=1, help="Share of these votes that a class needs.")
    ] = 0.0,
    price_prompt: Annotated[
        float, typer.Option(min=0, help="Of a million tokens sent, in your currency.")
    ] = 0.0,
    price_completion: Annotated[
        float, typer.Option(min=0, help="Of a million tokens received.")
    ] = 0.0,
    cost_limit: Annotated[
        float | None, typer.Option(min=0, help="What this run may cost; needs prices.")
    ] = None,
    failure_limit: FailureLimitOption = 0.2,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Ask nobody; estimate tokens and cost.")
    ] = False,
) -> None:
    """Label pairs with a language model, over any endpoint that speaks OpenAI's chat completions.

    Answers that cannot be read (asked for again as often as `--ask-again` says), refusals and
    silence are counted by reason, and leave their pair without a label; the same command asks about
    it again. With `--samples` several chains vote. Labels are kept as they come. A key is read from
    the environment or a file, and never shown. Needs the extra `llm`.

    Examples:

        qrm label llm pairs.jsonl --endpoint http://localhost:8000/v1 --model qwen3-8b
        --mode logprobs

        qrm label llm pairs.jsonl --endpoint https://api.openai.com/v1 --model gpt-4.1-mini
        --api-key-env OPENAI_API_KEY --products-per-prompt 10 --price-prompt 0.4
        --price-completion 1.6 --cost-limit 5 --dry-run

        qrm label llm pairs.jsonl --endpoint http://localhost:8000/v1 --model qwen3-8b
        --mode chain --samples 5 --least-agreement 0.6
    """
    prices = Prices(price_prompt, price_completion)
    options = LlmOptions(
        model,
        mode.value,
        _classes(label_class, gain),
        load_prompt(prompt, chain=mode is AnswerMode.CHAIN),
        products_per_prompt=products_per_prompt,
        longest_text=longest_text,
        body=read_body(body),
        top_logprobs=top_logprobs,
        concurrency=concurrency,
        prices=prices,
        cost_limit=cost_limit,
        ask_again=ask_again,
        samples=samples,
        sample_temperature=sample_temperature,
        least_agreement=least_agreement,
    )
    asked = EndpointOptions(
        endpoint,
        read_key(api_key_env, api_key_file),
        timeout_s=timeout,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        attempts=attempts,
        ca=ca_certs,
    )
    teacher = LlmTeacher(asked, options)
    file = labels_file(pairs, labels)
    if dry_run:
        _estimate(teacher, pairs, file, options)
    else:
        run_teacher(teacher, pairs, file, failure_limit, lambda tally: _cost(tally, prices))


def _classes(told: Sequence[str] | None, gains: Sequence[str] | None) -> Classes:
    classes = read_classes(told) if told else ESCI
    return classes.with_gains(read_gains(gains)) if gains else classes


def _cost(tally: Tally, prices: Prices) -> str:
    cost = prices.cost(tally.prompt_tokens, tally.completion_tokens)
    return f"cost {cost:.4g}" if cost else ""


def _estimate(teacher: LlmTeacher, pairs: Path, labels: Path, options: LlmOptions) -> None:
    """Say what a run would take, and what asking again may add at most."""
    known = (
        {label.pair for label in read_labels(labels, teacher=teacher.name)}
        if labels.exists()
        else set()
    )
    asked = {pair.key: pair for pair in read_pairs(pairs)}
    todo = [pair for key, pair in asked.items() if key not in known]
    guess = teacher.estimate(todo)
    told = f"{len(asked):,} pairs, {len(asked) - len(todo):,} known: {len(todo):,} to ask about in "
    told += _size(guess, options.prices)
    if options.prices.cost(1, 1) <= 0:
        told += "; give prices to see the cost"
    if guess.requests and options.again:
        more = _size(guess.times(options.again), options.prices)
        told += f". Asking again about what cannot be read may add at most {more}"
    out.print(f"{told}. Tokens are guessed, at four bytes each.", highlight=False, soft_wrap=True)


def _size(guess: Estimate, prices: Prices) -> str:
    cost = prices.cost(guess.prompt_tokens, guess.completion_tokens)
    told = (
        f"{guess.requests:,} requests, about {guess.prompt_tokens:,} + "
        f"{guess.completion_tokens:,} tokens"
    )
    return f"{told}, at about {cost:.4g}" if cost else told
