"""The plugin: rewrites a query while its search waits."""

from qrmiddleware.rewriting import GeneratorOptions, GeneratorRewriter


class Beque(GeneratorRewriter):
    """Proposes what a generator writes that an engine's feedback has taught.

    The paper's own form of serving is a table that is filled beforehand: ``rewrite_table``.
    """

    class Settings(GeneratorOptions):
        """Options of ``plugin: beque``."""
