"""The plugin: judges a search's window with a student that learnt aspect by aspect."""

from qrmiddleware.judging import JudgeOptions, StudentJudge


class EllmRele(StudentJudge):
    """Scores hits with a student that learnt a teacher's classes, and why it chose them."""

    class Settings(JudgeOptions):
        """Options of ``plugin: ellm_rele``."""
