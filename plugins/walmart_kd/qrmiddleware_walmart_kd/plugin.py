"""The plugin: scores a search's window with a student, and says what falls below a floor."""

from typing import TYPE_CHECKING, Literal

from qrmiddleware import ConfigError
from qrmiddleware.judging import JudgeOptions, StudentJudge

if TYPE_CHECKING:
    from qrmiddleware.students.scoring import Scoring


class WalmartKd(StudentJudge):
    """Scores hits with a student distilled from a large model's judgment of relevance."""

    class Settings(JudgeOptions):
        """Options of ``plugin: walmart_kd``."""

        reward: Literal["score", "logit"] = "score"
        """What a reward is: the score, or the logit in which margins were trained."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.logits = settings.reward == "logit"

    def check(self, scoring: "Scoring") -> None:
        """Refuse logits of a student that has several, or none.

        Raises:
            ConfigError: If it has.
        """
        model = scoring.model.manifest
        if self.logits and (model.kind != "cross_encoder" or model.labels):
            labels = f" with {len(model.labels)} classes" if model.labels else ""
            problem = (
                f"`reward: logit` needs a cross_encoder with a single logit, and {model.name} is a "
                f"{model.kind}{labels}: leave it out"
            )
            raise ConfigError(problem)
