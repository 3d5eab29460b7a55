"""Readers of files of records."""

from __future__ import annotations

from typing import Any, Unpack

from millstream import _core
from millstream.dataset import Dataset
from millstream.file_arguments import Paths, ReadOptions, read_files


def read_tfrecords(
    paths: Paths,
    *,
    tf_schema: Any = None,
    **options: Unpack[ReadOptions],
) -> Dataset:
    """Records of TFRecord files, each a tf.train.Example: a row a record, a column a feature, ordered by their names.

    A feature is bytes, float32 or int64. One of which no record has more than one value is a column of values, null
    where a record has none; others are lists. What tf_schema does not tell is told from the first megabyte of up to 64
    files. Checksums are checked. A file is read by one thread, so several files are read at a time.

    Args:
        paths: A file, a directory (read recursively; names that begin with "." or "_" are skipped) or a glob, or a list
            of them.
        tf_schema: A tensorflow_metadata Schema: the types of features, and a shape or value_count for lists.
        options: See `millstream.file_arguments.ReadOptions`.

    Raises:
        FileNotFoundError: a path matches nothing.
        TypeError: a feature has values of two types.
        ValueError: what is no TFRecord file of examples, is cut short, or does not have its checksum, with its file and
            record, or is longer or has more features than limits let it; while rows are read, a feature that the
            records looked at did not have, or more than one value where they had one.
    """
    features = features_of(tf_schema)
    return read_files(
        "read_tfrecords",
        paths,
        lambda engine, files: _core.read_tfrecords(engine, files, features),
        options,
        bad_rows=True,
    )


def features_of(schema: Any) -> dict[str, tuple[str, bool]]:
    """Kind of each feature, and whether it is a list, of a tensorflow_metadata Schema."""
    if schema is None:
        return {}
    kinds = {1: "bytes", 2: "int", 3: "float"}
    features: dict[str, tuple[str, bool]] = {}
    try:
        for feature in schema.feature:
            if feature.type not in kinds:
                raise ValueError(f"tf_schema: the feature {feature.name!r} is not of BYTES, INT or FLOAT")
            sizes = [dimension.size for dimension in feature.shape.dim]
            is_list = bool(sizes and sizes != [1]) or feature.value_count.max > 1
            features[feature.name] = (kinds[feature.type], is_list)
    except AttributeError:
        raise TypeError(f"tf_schema must be a tensorflow_metadata Schema, not {type(schema).__name__}") from None
    return features
