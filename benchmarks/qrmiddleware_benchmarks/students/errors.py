"""What can go wrong, told in one line."""


class StudentsError(Exception):
    """A benchmark of students cannot go on; the message says what was found."""
