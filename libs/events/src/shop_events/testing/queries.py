"""The part of MongoDB's language that the memory store speaks: filters, updates, expressions.

Whatever is not known here is refused by name, never guessed.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cmp_to_key
from typing import Any

from bson import ObjectId

Document = dict[str, Any]
_MISSING = object()


class NotInMemory(NotImplementedError):
    """The memory store does not speak this: use a repository of your own making, or test against MongoDB."""


def matches(document: Mapping[str, Any], query: Mapping[str, Any]) -> bool:
    """Say whether ``document`` fits a filter."""
    return all(_fits(document, field, condition) for field, condition in query.items())


def updated(
    document: Document, change: Mapping[str, Any] | Sequence[Mapping[str, Any]], new: bool
) -> Document:
    """Return ``document`` after an update: operators, or a pipeline of ``$set`` and ``$replaceWith``.

    Args:
        new: it is being inserted, so that ``$setOnInsert`` counts.
    """
    if isinstance(change, Mapping):
        for name, fields in change.items():
            if name == "$setOnInsert" and not new:
                continue
            apply = _known(_UPDATES, name)
            for field, value in fields.items():
                apply(document, field, value)
        return document
    for stage in change:
        [(name, body)] = stage.items()
        document = _known(_STAGES, name)(document, body)
    return document


def equalities(query: Mapping[str, Any]) -> Document:
    """Return the fields that an upsert takes over from its filter."""
    return {
        field: value
        for field, value in query.items()
        if not field.startswith("$") and not _is_operators(value)
    }


def order_of(document: Mapping[str, Any], fields: Sequence[tuple[str, int]]) -> tuple[Any, ...]:
    """Return the sort key of a document, in MongoDB's order of types and values."""
    return tuple(
        (_ASCENDING if direction > 0 else _DESCENDING)(_get(document, field)) for field, direction in fields
    )


def _compare(one: Any, other: Any) -> int:
    ranks = _rank(one), _rank(other)
    if ranks[0] != ranks[1]:
        return ranks[0] - ranks[1]
    if ranks == (0, 0) or one == other:
        return 0
    try:
        return -1 if one < other else 1
    except TypeError:
        raise NotInMemory("sorting by values that are documents") from None


def _rank(value: Any) -> int:
    return next(rank for kinds, rank in _RANKS if value is _MISSING or isinstance(value, kinds))


_ASCENDING = cmp_to_key(_compare)
_DESCENDING = cmp_to_key(lambda one, other: _compare(other, one))


def _fits(document: Mapping[str, Any], field: str, condition: Any) -> bool:
    if field in {"$and", "$or"}:
        every = (matches(document, query) for query in condition)
        return all(every) if field == "$and" else any(every)
    if field.startswith("$"):
        raise NotInMemory(f"filter {field}")
    value = _get(document, field)
    if not _is_operators(condition):
        return _equals(value, condition)
    return all(_known(_CONDITIONS, name)(value, wanted) for name, wanted in condition.items())


def _is_operators(value: Any) -> bool:
    return isinstance(value, Mapping) and any(name.startswith("$") for name in value)


def _get(document: Mapping[str, Any], path: str) -> Any:
    value: Any = document
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return _MISSING
        value = value[name]
    return value


def _equals(value: Any, wanted: Any) -> bool:
    if value is _MISSING:
        return wanted is None
    return bool(value == wanted) or (isinstance(value, list) and wanted in value)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def holds(value: Any, wanted: Any) -> bool:
        try:
            return value is not _MISSING and compare(value, wanted)
        except TypeError:  # of different types: MongoDB compares within a type only
            return False

    return holds


def _holder(document: Document, path: str) -> tuple[Document, str]:
    *parents, last = path.split(".")
    for name in parents:
        document = document.setdefault(name, {})
    return document, last


def _set(document: Document, path: str, value: Any) -> None:
    holder, name = _holder(document, path)
    holder[name] = value


def _unset(document: Document, path: str, _: Any) -> None:
    holder, name = _holder(document, path)
    holder.pop(name, None)


def _inc(document: Document, path: str, by: Any) -> None:
    holder, name = _holder(document, path)
    holder[name] = holder.get(name, 0) + by


def _push(document: Document, path: str, value: Any) -> None:
    holder, name = _holder(document, path)
    if _is_operators(value):
        raise NotInMemory("$push with operators")
    holder.setdefault(name, []).append(value)


def _add_to_set(document: Document, path: str, value: Any) -> None:
    holder, name = _holder(document, path)
    if value not in holder.setdefault(name, []):
        _push(document, path, value)


def _evaluate(expression: Any, document: Document) -> Any:
    if expression == "$$ROOT":
        return document
    if isinstance(expression, str) and expression.startswith("$"):
        value = _get(document, expression[1:])
        return None if value is _MISSING else value
    if not _is_operators(expression):
        return expression
    [(name, operands)] = expression.items()
    if name == "$literal":
        return operands
    values = [_evaluate(operand, document) for operand in operands]
    return _known(_EXPRESSIONS, name)(*values)


def _stage_set(document: Document, fields: Mapping[str, Any]) -> Document:
    for field, value in {field: _evaluate(value, document) for field, value in fields.items()}.items():
        _set(document, field, value)
    return document


def _known(table: Mapping[str, Any], name: str) -> Any:
    try:
        return table[name]
    except KeyError:
        raise NotInMemory(name) from None


_RANKS: tuple[tuple[type | tuple[type, ...], int], ...] = (
    (type(None), 0),  # and what is missing
    (bool, 8),  # before the numbers, which it is one of in Python
    ((int, float), 1),
    (str, 2),
    (Mapping, 3),
    (list, 4),
    (bytes, 5),
    (ObjectId, 7),
    (datetime, 9),
    (object, 10),
)
"""MongoDB's order of types (manual, "Comparison/Sort Order")."""
_CONDITIONS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": _equals,
    "$ne": lambda value, wanted: not _equals(value, wanted),
    "$in": lambda value, wanted: any(_equals(value, one) for one in wanted),
    "$nin": lambda value, wanted: not any(_equals(value, one) for one in wanted),
    "$exists": lambda value, wanted: (value is not _MISSING) == bool(wanted),
    "$lt": _ordered(operator.lt),
    "$lte": _ordered(operator.le),
    "$gt": _ordered(operator.gt),
    "$gte": _ordered(operator.ge),
}
_UPDATES: dict[str, Callable[[Document, str, Any], None]] = {
    "$set": _set,
    "$setOnInsert": _set,
    "$unset": _unset,
    "$inc": _inc,
    "$push": _push,
    "$addToSet": _add_to_set,
}
_STAGES: dict[str, Callable[[Document, Any], Document]] = {
    "$set": _stage_set,
    "$replaceWith": lambda document, expression: dict(_evaluate(expression, document)),
}
_EXPRESSIONS: dict[str, Callable[..., Any]] = {
    "$cond": lambda condition, yes, no: yes if condition else no,
    "$ifNull": lambda value, otherwise: otherwise if value is None else value,
    "$eq": operator.eq,
    "$lt": operator.lt,
    "$lte": operator.le,
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$add": lambda *values: sum(values),
    "$and": lambda *values: all(values),
    "$or": lambda *values: any(values),
}
