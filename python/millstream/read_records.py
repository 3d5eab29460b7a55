"""Readers of files of records."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from millstream import _core
from millstream.dataset import Dataset
from millstream.file_arguments import read_files
from millstream.partitioning import Partitioning


def read_tfrecords(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    filesystem: Any = None,
    parallelism: int = -1,
    arrow_open_stream_args: Any = None,
    partition_filter: Any = None,
    partitioning: Partitioning | None = None,
    include_paths: bool = False,
    ignore_missing_paths: bool = False,
    shuffle: Any = None,
    file_extensions: Sequence[str] | None = None,
    concurrency: int | None = None,
    override_num_blocks: int | None = None,
    tf_schema: Any = None,
    **ray_remote_args: Any,
) -> Dataset:
    """Records of TFRecord files, each a tf.train.Example: a row a record, a column a feature, ordered by their names.

    A feature is bytes, float32 or int64. One of which no record has more than one value is a column of values, null
    where a record has none; others are lists. What tf_schema does not tell is told from the first megabyte of up to 64
    files. Checksums are checked. A file is read by one thread, so several files are read at a time.

    Args:
        paths: A file, a directory (read recursively; names that begin with "." or "_" are skipped) or a glob, or a list
            of them.
        file_extensions: Of the files of a directory those that end so, such as "tfrecord"; by default all.
        partitioning: Columns of the values that directories name; by default none.
        include_paths: Whether there is a column "path" of the paths, behind all others.
        ignore_missing_paths: Whether paths that match nothing are left out, where some do.
        parallelism: As override_num_blocks; -1 lets the files decide.
        override_num_blocks: Blocks that num_blocks() tells; how files are cut does not depend on it.
        tf_schema: A tensorflow_metadata Schema: the types of features, and a shape or value_count for lists.

    The other arguments are ray.data's; NotImplementedError says which are not supported, and what to do.

    Raises:
        FileNotFoundError: a path matches nothing.
        TypeError: a feature has values of two types.
        ValueError: what is no TFRecord file of examples, is cut short, or does not have its checksum, with its file and
            record; while rows are read, a feature that the records looked at did not have, or more than one value where
            they had one.
    """
    features = features_of(tf_schema)
    return read_files(
        "read_tfrecords",
        paths,
        lambda engine, files: _core.read_tfrecords(engine, files, features),
        file_extensions=file_extensions,
        ignore_missing_paths=ignore_missing_paths,
        include_paths=include_paths,
        partitioning=partitioning,
        parallelism=parallelism,
        override_num_blocks=override_num_blocks,
        filesystem=filesystem,
        partition_filter=partition_filter,
        shuffle=shuffle,
        concurrency=concurrency,
        arrow_open_stream_args=arrow_open_stream_args,
        **ray_remote_args,
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
