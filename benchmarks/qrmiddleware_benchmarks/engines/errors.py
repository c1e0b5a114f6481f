"""What can go wrong before an engine answers."""


class EngineError(Exception):
    """An engine could not be fetched, started or found; the message says what to do."""


class EngineMissingError(EngineError):
    """An engine, or a program it needs, is not on this machine yet."""
