"""Simulated feedback: somebody looks at what a rewrite found, and says what a shopper would do.

Source: MiniELM, arXiv:2501.18056 ("simulated human feedback" of a language model). The rubric, and
that it is told in grades from 0 to 3, is our reading.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from statistics import fmean
from typing import Final, Protocol

import msgspec

from qrmiddleware.asking.errors import UnansweredError
from qrmiddleware.asking.growing_file import GrowingFile
from qrmiddleware.asking.questions import UnreadableError, ask_all
from qrmiddleware.distill.causal.models import CausalLm
from qrmiddleware.distill.causal.rows import prompt_ids
from qrmiddleware.distill.causal.scoring import choice_probabilities, spelled_choices
from qrmiddleware.errors import ConfigError
from qrmiddleware_rl_qr.recipes.asked import Llm
from qrmiddleware_rl_qr.recipes.prompts import Prompt, read_object
from qrmiddleware_rl_qr.recipes.searching import Hit, Relevance

ASPECTS: Final = ("relevance", "diversity", "click")
_HIGHEST: Final = 3
_TITLE: Final = 120  # characters
_LOOKED_AT: Final = 0.7  # share of shoppers that look at a hit who go on to the next one


@dataclass(frozen=True, slots=True)
class Shown:
    """What a judge looks at.

    Attributes:
        query: As typed.
        rewrite: That was searched for.
        hits: The top of what it found, best first.
    """

    query: str
    rewrite: str
    hits: tuple[Hit, ...]

    @property
    def titles(self) -> str:
        """A line each, numbered; none can pass for two."""
        lines = (" ".join(hit.title.split())[:_TITLE] for hit in self.hits)
        return "\n".join(f"{place}. {line}" for place, line in enumerate(lines, start=1)) or "-"


class Opinion(msgspec.Struct, frozen=True):
    """What a judge says, 0..1 each.

    Attributes:
        relevance: Whether it is what the query asks for.
        diversity: Whether there is a choice.
        click: Whether a shopper would look at it, or buy.
    """

    relevance: float
    diversity: float
    click: float

    @property
    def value(self) -> float:
        """The mean of all three."""
        return fmean((self.relevance, self.diversity, self.click))


class FeedbackJudge(Protocol):
    """Whoever gives feedback."""

    @property
    def name(self) -> str:
        """Who it is, with all that may change what it says."""

    def judge(self, shown: Sequence[Shown]) -> Sequence[Opinion | None]:
        """Look at each; ``None`` where it fails or says what cannot be read."""


@dataclass(frozen=True, slots=True)
class EndpointJudge:
    """Asks a language model behind an endpoint."""

    llm: Llm

    @property
    def name(self) -> str:
        """Model and prompt."""
        return self.llm.name

    def judge(self, shown: Sequence[Shown]) -> Sequence[Opinion | None]:
        """Ask about each; of an endpoint that is not there nobody has an opinion.

        Raises:
            EndpointError: If it refuses to answer anything, as with a wrong key.
        """
        questions = [_question(self.llm.prompt, each) for each in shown]
        llm = self.llm
        try:
            return ask_all(
                questions, read_opinion, endpoint=llm.endpoint, manner=llm.manner, file=llm.file
            ).answers
        except UnansweredError:
            return [None] * len(questions)


@dataclass(frozen=True, slots=True)
class LocalJudge:
    """Asks a language model on this machine, by the probabilities of its grades.

    Attributes:
        lm: Who is asked.
        prompt: In which words.
        called: Its name.
        budget: Tokens of a pass.
    """

    lm: CausalLm
    prompt: Prompt
    called: str
    budget: int = 8192

    @property
    def name(self) -> str:
        """Model and prompt."""
        return f"local:{self.called}:{self.prompt.version}"

    def judge(self, shown: Sequence[Shown]) -> Sequence[Opinion | None]:
        """Look at each, aspect by aspect; a grade is the mean over its probabilities."""
        grades = {aspect: self._grades(shown, aspect) for aspect in ASPECTS}
        return [
            Opinion(**{aspect: told[place] for aspect, told in grades.items()})
            for place in range(len(shown))
        ]

    def _grades(self, shown: Sequence[Shown], aspect: str) -> list[float]:
        codes = [str(grade) for grade in range(_HIGHEST + 1)]
        before, choices = spelled_choices(self.lm, f'{{"{aspect}": ', codes)
        prompts = [(*prompt_ids(self.lm, _question(self.prompt, each)), *before) for each in shown]
        told = choice_probabilities(self.lm, prompts, [choices] * len(prompts), budget=self.budget)
        return [sum(n * share for n, share in enumerate(row)) / _HIGHEST for row in told]


@dataclass(frozen=True, slots=True)
class RelevanceJudge:
    """A judge without a language model: by relevance, and by how a shopper goes down a page.

    Each hit is clicked as likely as it is relevant, and whoever did not click goes on to the next
    one with a fixed probability.

    Attributes:
        relevance: Of a hit.
        called: Whose relevance it is.
    """

    relevance: Relevance
    called: str = "relevance"

    @property
    def name(self) -> str:
        """Whose relevance it is."""
        return f"rule:{self.called}"

    def judge(self, shown: Sequence[Shown]) -> Sequence[Opinion | None]:
        """Look at each."""
        return [self._opinion(each) for each in shown]

    def _opinion(self, shown: Shown) -> Opinion | None:
        scores = self.relevance.scores(shown.query, shown.hits)
        if scores is None:
            return None
        if not scores:
            return Opinion(0.0, 0.0, 0.0)
        leaves, looks = 1.0, 1.0
        for score in scores:
            leaves -= looks * score
            looks *= (1 - score) * _LOOKED_AT
        titles = {hit.title.casefold() for hit in shown.hits}
        return Opinion(fmean(scores), len(titles) / len(shown.hits), 1 - leaves)


class _Said(msgspec.Struct, frozen=True):
    key: str
    opinion: Opinion


@dataclass(slots=True)
class ThriftyJudge:
    """Remembers what another judge said, and asks it no more often than is allowed.

    Attributes:
        judge_of: Who is asked.
        file: Where opinions are kept; ``None`` for nowhere.
        most: Questions to the other judge at most, those that failed included; 0 for no bound.
        counts: ``asked``, ``remembered``, ``failed`` and ``beyond the limit`` so far.
    """

    judge_of: FeedbackJudge
    file: Path | None = None
    most: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    _known: dict[str, Opinion] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The other judge's."""
        return self.judge_of.name

    def judge(self, shown: Sequence[Shown]) -> Sequence[Opinion | None]:
        """Look at what nobody has looked at yet."""
        keys = [self._key(each) for each in shown]
        store = None if self.file is None else GrowingFile(self.file, "opinions", _is_said)
        if store:
            store.open(self._load)
        try:
            missing = {
                key: each for key, each in zip(keys, shown, strict=True) if key not in self._known
            }
            self.counts["remembered"] += len(set(keys)) - len(missing)
            allowed = dict(list(missing.items())[: self._left()])
            self.counts["beyond the limit"] += len(missing) - len(allowed)
            told = self.judge_of.judge(list(allowed.values())) if allowed else ()
            self.counts["asked"] += len(allowed)
            for key, opinion in zip(allowed, told, strict=True):
                if opinion is None:
                    self.counts["failed"] += 1
                    continue
                self._known[key] = opinion
                if store:
                    store.add(msgspec.json.encode(_Said(key, opinion)))
        finally:
            if store:
                store.close()
        return [self._known.get(key) for key in keys]

    def _left(self) -> int | None:
        return max(0, self.most - self.counts["asked"]) if self.most else None

    def _key(self, shown: Shown) -> str:
        told = (self.name, shown.query, shown.rewrite, [hit.title for hit in shown.hits])
        return sha256(repr(told).encode(errors="surrogatepass")).hexdigest()[:32]

    def _load(self) -> None:
        if self.file is None:
            return
        for number, line in enumerate(self.file.read_bytes().splitlines(), start=1):
            try:
                said = msgspec.json.decode(line, type=_Said)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                message = f"{self.file}:{number}: is no opinion ({error}); remove it"
                raise ConfigError(message) from error
            self._known[said.key] = said.opinion


def read_opinion(content: str) -> Opinion:
    """Read the grades of an answer.

    Raises:
        UnreadableError: If one is missing, or no grade.
    """
    told = read_object(content)
    return Opinion(**{aspect: _grade(told, aspect) / _HIGHEST for aspect in ASPECTS})


def _grade(told: Mapping[str, object], aspect: str) -> float:
    grade = told.get(aspect)
    if isinstance(grade, bool) or not isinstance(grade, int | float):
        problem = f"no grade of {aspect}"
        raise UnreadableError(problem)
    if not 0 <= grade <= _HIGHEST:
        problem = f"a grade of {aspect} that is not from 0 to {_HIGHEST}"
        raise UnreadableError(problem)
    return grade


def _question(prompt: Prompt, shown: Shown) -> Sequence[Mapping[str, str]]:
    query, rewrite = (" ".join(text.split()) for text in (shown.query, shown.rewrite))
    return prompt.messages(query=query, rewrite=rewrite, titles=shown.titles)


def _is_said(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=_Said)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return True
