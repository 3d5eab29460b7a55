"""Texts as tokens, and where tokens go by their hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow

TEXTS = ("string", "large_string", "string_view")

TokenizationFn = Callable[[str], list[str]]


def simple_split_tokenizer(value: str) -> list[str]:
    """The parts between single spaces."""
    return value.split(" ")


def simple_hash(value: object, num_features: int) -> int:
    """A place from 0 to num_features - 1, by the text of the value alone: the same in every process."""
    return int(hashlib.sha256(str(value).encode()).hexdigest(), 16) % num_features


def checked_tokenizer(tokenization_fn: Any) -> TokenizationFn:
    if tokenization_fn is None:
        return simple_split_tokenizer
    if not callable(tokenization_fn):
        raise TypeError(
            f"tokenization_fn takes a function of a text that returns a list, not {type(tokenization_fn).__name__}"
        )
    function: TokenizationFn = tokenization_fn
    return function


def token_lists(values: pyarrow.ChunkedArray, tokenize: TokenizationFn, column: str, user: Any) -> pyarrow.Array:
    """A list of tokens a text, null for a null. TypeError for what is not a column of texts."""
    import pyarrow
    import pyarrow.compute

    from millstream.result_columns import one_chunk

    kind = values.type
    if pyarrow.types.is_dictionary(kind):
        return token_lists(values.cast(kind.value_type), tokenize, column, user)
    texts = one_chunk(values)
    if pyarrow.types.is_null(kind):
        texts = texts.cast(pyarrow.string())
    elif str(kind) not in TEXTS:
        raise TypeError(f"{type(user).__name__}: column {column!r} of type {kind} does not hold texts; cast it")
    if tokenize is simple_split_tokenizer:
        return pyarrow.compute.split_pattern(texts.cast(pyarrow.large_string()), " ")
    lists = [None if text is None else list(tokenize(text)) for text in texts.to_pylist()]
    return pyarrow.array(lists, pyarrow.list_(pyarrow.large_string()))
