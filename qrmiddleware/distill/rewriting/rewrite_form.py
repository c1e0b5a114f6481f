"""How a language model is asked for a rewrite: told in its folder, and read as serving reads it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from qrmiddleware.distill.causal.models import CausalLm
from qrmiddleware.distill.causal.rows import TokenRow, response_row
from qrmiddleware.errors import ConfigError
from qrmiddleware.students.generator.prompts import Prompts
from qrmiddleware.students.manifest import Inputs

REWRITE_FILE: Final = "qrm-rewrite.json"
"""Lies in the folder of a checkpoint that was trained to rewrite."""

INSTRUCTION: Final = (
    "Reword this product search as another shopper would type it. Answer with the search alone: "
    "{query}"
)
"""What a model with a chat template is asked."""


@dataclass(frozen=True, slots=True)
class RewriteForm:
    """What a model is asked; the manifest of a student made of it says the same.

    Attributes:
        prompt: With ``{query}`` once.
        max_query_tokens: A query's tokens beyond are not read.
        max_tokens: Of a prompt.
    """

    prompt: str = "{query}\n"
    max_query_tokens: int = 32
    max_tokens: int = 128

    @property
    def inputs(self) -> Inputs:
        """As a student's manifest has it."""
        return Inputs(
            max_query_tokens=self.max_query_tokens, max_tokens=self.max_tokens, prompt=self.prompt
        )


class RewriteReader:
    """Writes queries and rewrites down as one model reads them.

    Args:
        lm: Whose tokenizer it is.
        form: How it is asked.

    Raises:
        ConfigError: If the prompt has no place for the query.
    """

    def __init__(self, lm: CausalLm, form: RewriteForm) -> None:
        self._lm = lm
        self._prompts = Prompts(lm.tokenizer.backend_tokenizer, form.inputs)
        self.form = form

    def prompt(self, query: str) -> tuple[int, ...]:
        """Return a query's prompt; empty if nothing of it can be read."""
        text = self._prompts.clean(query)
        if not text:
            return ()
        ids = tuple(self._lm.tokenizer.convert_tokens_to_ids(list(self._prompts.tokens(text))))
        return ids[:-1] if ids[-1] == self._lm.end else ids

    def row(self, query: str, rewrite: str) -> TokenRow | None:
        """Put a rewrite behind its query's prompt; ``None`` if nothing of either can be read."""
        prompt, text = self.prompt(query), " ".join(rewrite.split())
        return response_row(self._lm, prompt, text) if prompt and text else None


def form_for(lm: CausalLm, instruction: str = INSTRUCTION) -> RewriteForm:
    """Return how a model is asked that was not trained yet: by its chat template, if it has one.

    Args:
        lm: The model.
        instruction: With ``{query}`` once, for models with a template.
    """
    tokenizer = lm.tokenizer
    if tokenizer.chat_template is None:
        return RewriteForm()
    told = tokenizer.apply_chat_template(
        [{"role": "user", "content": instruction}],
        add_generation_prompt=True,
        tokenize=False,
        enable_thinking=False,
    )
    begin = tokenizer.bos_token
    if begin and tokenizer("")["input_ids"][:1] == [tokenizer.bos_token_id]:
        told = told.removeprefix(begin)  # the tokenizer puts it there by itself
    return RewriteForm(told, max_query_tokens=64, max_tokens=512)


def read_rewrite_form(checkpoint: str) -> RewriteForm | None:
    """Read how a checkpoint was taught; ``None`` where its folder does not say, or it is none.

    Raises:
        ConfigError: If the file is damaged.
    """
    file = Path(checkpoint) / REWRITE_FILE
    if not file.is_file():
        return None
    try:
        return msgspec.json.decode(file.read_bytes(), type=RewriteForm)
    except (OSError, msgspec.MsgspecError) as error:
        message = f"{file}: cannot be read: {error}"
        raise ConfigError(message) from error


def write_rewrite_form(checkpoint: Path, form: RewriteForm) -> None:
    """Write into a checkpoint's folder how it was taught."""
    text = msgspec.json.format(msgspec.json.encode(form), indent=2)
    (checkpoint / REWRITE_FILE).write_bytes(text + b"\n")
