"""The plugin: judges a search's window with a student that learnt from reasons."""

from qrmiddleware.judging import JudgeOptions, StudentJudge


class Crsd(StudentJudge):
    """Scores hits with a student whose training read reasons; it reads query and text alone."""

    class Settings(JudgeOptions):
        """Options of ``plugin: crsd``."""
