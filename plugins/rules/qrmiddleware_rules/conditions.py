"""AND, OR and NOT in inputs: from infix to postfix, and whether a condition holds."""

from collections.abc import Callable, Collection, Sequence
from typing import Final

from qrmiddleware_rules.problems import InvalidTextError
from qrmiddleware_rules.rule import Expression, Operator
from qrmiddleware_rules.words import Word

OPERATORS: Final[dict[str, Operator]] = {"AND": "AND", "OR": "OR", "NOT": "NOT"}
_BINDING: Final = {"(": 0, "OR": 1, "AND": 2, "NOT": 3}


def to_postfix(items: Sequence[Word], number_of: Callable[[Word], int]) -> Expression:
    """Order operators behind what they apply to; NOT binds closer than AND, AND than OR.

    Args:
        items: Operators, parentheses and, for all else, phrases.
        number_of: Gives the number of a phrase.

    Raises:
        InvalidTextError: If an operand, an operator or a parenthesis is missing.
    """
    output: list[int | Operator] = []
    waiting: list[Word] = []
    operand_next = True
    for item in items:
        _require(item, operand_next=operand_next)
        if item.text == ")":
            _unwind(waiting, output, 1)
            _close(waiting, item)
        elif item.text in {"(", "NOT"}:
            waiting.append(item)
        elif item.text in OPERATORS:
            _unwind(waiting, output, _BINDING[item.text])
            waiting.append(item)
            operand_next = True
        else:
            output.append(number_of(item))
            operand_next = False
    if operand_next:
        message = f"the input ends with {items[-1].text}: words must follow it"
        raise InvalidTextError(message, items[-1].column)
    _unwind(waiting, output, 1)
    if waiting:
        message = "this parenthesis is never closed"
        raise InvalidTextError(message, waiting[-1].column)
    return tuple(output)


def holds(expression: Expression, found: Collection[int]) -> bool:
    """Tell whether a condition is met by the phrases that were found."""
    stack: list[bool] = []
    for item in expression:
        if isinstance(item, int):
            stack.append(item in found)
        elif item == "NOT":
            stack.append(not stack.pop())
        else:
            right, left = stack.pop(), stack.pop()
            stack.append((left and right) if item == "AND" else (left or right))
    return stack[0]


def wanted(expression: Expression) -> frozenset[int]:
    """List the phrases whose presence speaks for the condition, not against it."""
    stack: list[tuple[frozenset[int], frozenset[int]]] = []
    for item in expression:
        if isinstance(item, int):
            stack.append((frozenset((item,)), frozenset()))
        elif item == "NOT":
            for_it, against = stack.pop()
            stack.append((against, for_it))
        else:
            right, left = stack.pop(), stack.pop()
            stack.append((left[0] | right[0], left[1] | right[1]))
    return stack[0][0] - stack[0][1]


def _require(item: Word, *, operand_next: bool) -> None:
    is_operator = item.text in {"AND", "OR", ")"}
    if operand_next and is_operator:
        message = f"words, NOT or ( must stand before {item.text}"
        raise InvalidTextError(message, item.column)
    if not operand_next and not is_operator:
        message = f"AND or OR must stand before {item.text}"
        raise InvalidTextError(message, item.column)


def _unwind(waiting: list[Word], output: list[int | Operator], binding: int) -> None:
    while waiting and _BINDING[waiting[-1].text] >= binding:
        output.append(OPERATORS[waiting.pop().text])


def _close(waiting: list[Word], item: Word) -> None:
    if not waiting:
        message = "no parenthesis was opened for this one"
        raise InvalidTextError(message, item.column)
    waiting.pop()
