"""What a language model behind an endpoint says: rewrites, and which queries mean the same."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from qrmiddleware.asking.endpoint import EndpointOptions
from qrmiddleware.asking.questions import Manner, Replies, UnreadableError, ask_all
from qrmiddleware.distill.rewriting.pair_sources import objection
from qrmiddleware.distill.rewriting.rows import RewritePair
from qrmiddleware_rl_qr.recipes.guarding import Limits, text_objection
from qrmiddleware_rl_qr.recipes.prompts import Prompt, read_object

Tell = Callable[[int, int], object]


@dataclass(frozen=True, slots=True)
class Llm:
    """A language model behind an endpoint.

    Attributes:
        endpoint: Where it is.
        manner: How it is asked.
        prompt: In which words.
        file: Where its answers are kept.
    """

    endpoint: EndpointOptions
    manner: Manner
    prompt: Prompt
    file: Path | None = None

    @property
    def name(self) -> str:
        """Model and prompt, as rows name their source."""
        return f"llm:{self.manner.model}:{self.prompt.version}"


@dataclass(frozen=True, slots=True)
class Written:
    """Rewrites that a model wrote.

    Attributes:
        pairs: Those that are kept.
        dropped: How many were not, by reason.
        replies: What asking took.
    """

    pairs: tuple[RewritePair, ...]
    dropped: Mapping[str, int]
    replies: Replies[tuple[str, ...]]


def ask_rewrites(
    queries: Sequence[str],
    llm: Llm,
    *,
    most: int,
    limits: Limits,
    tell: Tell = lambda _, __: None,
) -> Written:
    """Have a model write rewrites; what guards object to is dropped and counted.

    Args:
        queries: Each once.
        llm: Who is asked.
        most: Rewrites of one query.
        limits: Of the guards.
        tell: Called with the queries that are done and all of them.

    Raises:
        EndpointError: If the endpoint will not answer anything.
        UnansweredError: If nobody is there at all.
    """
    questions = [llm.prompt.messages(query=_line(query), most=str(most)) for query in queries]
    replies = ask_all(
        questions,
        _read_rewrites,
        endpoint=llm.endpoint,
        manner=llm.manner,
        file=llm.file,
        tell=tell,
    )
    pairs: list[RewritePair] = []
    dropped: Counter[str] = Counter()
    for query, rewrites in zip(queries, replies.answers, strict=True):
        for rewrite in (rewrites or ())[:most]:
            reason = objection(query, rewrite) or text_objection(query, rewrite, limits)
            dropped[reason] += bool(reason)
            if not reason:
                pairs.append(RewritePair(query=query, rewrite=rewrite, source=llm.name))
    return Written(tuple(pairs), {k: v for k, v in dropped.items() if v}, replies)


@dataclass(frozen=True, slots=True)
class LlmPairJudge:
    """Asks a language model whether two queries mean the same."""

    llm: Llm
    tell: Tell = lambda _, __: None

    def equivalent(self, pairs: Sequence[tuple[str, str]]) -> Sequence[bool | None]:
        """Answer for each pair."""
        llm = self.llm
        questions = [
            llm.prompt.messages(first=_line(first), second=_line(second)) for first, second in pairs
        ]
        ask = partial(ask_all, questions, _read_equivalent, tell=self.tell)
        return ask(endpoint=llm.endpoint, manner=llm.manner, file=llm.file).answers


def _read_rewrites(content: str) -> tuple[str, ...]:
    told = read_object(content).get("rewrites")
    if not isinstance(told, list) or not all(isinstance(each, str) for each in told):
        problem = "no list of rewrites"
        raise UnreadableError(problem)
    return tuple(dict.fromkeys(line for each in told if (line := _line(each))))


def _read_equivalent(content: str) -> bool:
    told = read_object(content).get("equivalent")
    if not isinstance(told, bool):
        problem = "neither true nor false"
        raise UnreadableError(problem)
    return told


def _line(text: str) -> str:
    return " ".join(text.split())
