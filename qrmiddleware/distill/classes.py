"""The classes that a pair can be of, what they mean, and what they are worth."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from qrmiddleware.errors import ConfigError


@dataclass(frozen=True, slots=True)
class LabelClass:
    """One class.

    Attributes:
        code: What a teacher answers with, one token for most models, such as ``E``.
        name: In full.
        gain: What it is worth, 0..1.
        meaning: Told to a teacher that reads.
    """

    code: str
    name: str
    gain: float
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Classes:
    """All classes of a task, best first."""

    members: tuple[LabelClass, ...]

    def __post_init__(self) -> None:
        spoken = [each.code.casefold() for each in self.members]
        if len(spoken) < 2 or len(set(spoken)) < len(spoken):  # noqa: PLR2004 one class says nothing
            codes = ", ".join(each.code for each in self.members) or "none"
            message = (
                f"classes: at least two, with codes that differ in more than case; not {codes}"
            )
            raise ConfigError(message)
        for each in self.members:
            if not 0.0 <= each.gain <= 1.0:
                message = f"class {each.code}: a gain is between 0 and 1, not {each.gain}"
                raise ConfigError(message)

    def __iter__(self) -> Iterator[LabelClass]:
        return iter(self.members)

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes in order."""
        return tuple(each.code for each in self.members)

    @property
    def gains(self) -> Mapping[str, float]:
        """Gains by code."""
        return {each.code: each.gain for each in self.members}

    def find(self, said: str) -> LabelClass | None:
        """Return the class of this code or name, upper or lower case."""
        spoken = said.strip().casefold()
        for each in self.members:
            if spoken in {each.code.casefold(), each.name.casefold()}:
                return each
        return None

    def with_gains(self, gains: Mapping[str, float]) -> "Classes":
        """Return the classes with other gains for some.

        Raises:
            ConfigError: If a class is not among them, or a gain is not between 0 and 1.
        """
        if unknown := [code for code in gains if self.find(code) is None]:
            message = f"gain of {unknown[0]!r}: the classes are {', '.join(self.codes)}"
            raise ConfigError(message)
        found = {each.code: gain for code, gain in gains.items() if (each := self.find(code))}
        return Classes(
            tuple(
                LabelClass(each.code, each.name, found.get(each.code, each.gain), each.meaning)
                for each in self.members
            )
        )


ESCI: Final = Classes(
    (
        LabelClass(
            "E", "exact", 1.0, "the product is what the query asks for, in every respect it names"
        ),
        LabelClass(
            "S",
            "substitute",
            0.5,
            "of the kind asked for, but a respect that the query names differs or is not met; a "
            "shopper might still take it",
        ),
        LabelClass(
            "C",
            "complement",
            0.0,
            "not what was asked for, but used together with it: an accessory, a spare part, a "
            "consumable",
        ),
        LabelClass("I", "irrelevant", 0.0, "none of these"),
    )
)
"""Exact, substitute, complement, irrelevant, worth 1, 0.5, 0 and 0.

Source: the classes are those of Reddy et al. 2022, arXiv:2206.06588; the gains those that
re-implementations of arXiv:2505.07105 use as soft targets.
"""


def read_classes(told: Iterable[str]) -> Classes:
    """Read classes that are written ``CODE=NAME:GAIN[:MEANING]``, best first.

    Raises:
        ConfigError: If one is written otherwise.
    """
    return Classes(tuple(_read_class(each) for each in told))


def _read_class(told: str) -> LabelClass:
    code, _, rest = told.partition("=")
    name, _, rest = rest.partition(":")
    gain, _, meaning = rest.partition(":")
    try:
        worth = float(gain)
    except ValueError:
        worth = -1.0
    if not (code.strip() and name.strip()) or worth < 0:
        message = (
            f"class {told!r}: write CODE=NAME:GAIN or CODE=NAME:GAIN:MEANING, such as "
            "'E=exact:1:what was asked for'"
        )
        raise ConfigError(message)
    return LabelClass(code.strip(), name.strip(), worth, meaning.strip())


def read_gains(told: Iterable[str]) -> dict[str, float]:
    """Read gains that are written ``CLASS=GAIN``.

    Raises:
        ConfigError: If one is written otherwise, or is not between 0 and 1.
    """
    gains: dict[str, float] = {}
    for each in told:
        name, _, gain = each.rpartition("=")
        try:
            gains[name.strip()] = float(gain)
        except ValueError as error:
            message = f"gain {each!r}: write CLASS=GAIN, such as S=0.5"
            raise ConfigError(message) from error
        if not 0.0 <= gains[name.strip()] <= 1.0:
            message = f"gain {each!r}: a gain is between 0 and 1"
            raise ConfigError(message)
    return gains
