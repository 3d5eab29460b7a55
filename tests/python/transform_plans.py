"""Plans with transforms at several places, over the files of number_files.py, which several tests run."""

import functools

import millstream as ms
from millstream import col
from millstream.datasource import BlockMetadata, Datasource, ReadTask
from millstream.expressions import monotonically_increasing_id, random, udf


def doubled(batch):
    return {"number": batch["number"] * 2 // 2, "name": batch["name"]}


def one_or_two(row):
    return [row] * (1 + row["number"] % 2)


class Adds:
    def __init__(self, value):
        self.value = value

    def __call__(self, row):
        return {"number": row["number"] + self.value, "rest": row["number"] % 10}


def is_odd(row):
    return row["number"] % 2 == 1


def first_two(batch):
    return {"number": batch["number"][:2], "rest": batch["rest"][:2]}


@udf(return_dtype="int64")
def plus_one(numbers):
    return [number + 1 for number in numbers.to_pylist()]


class Tens(Datasource):
    """0 to 999, ten to a block, a hundred to a task."""

    def get_read_tasks(self, parallelism):
        return [ReadTask(functools.partial(tens, first), BlockMetadata()) for first in range(0, 1000, 100)]


def tens(first):
    for begin in range(first, first + 100, 10):
        yield {"number": list(range(begin, begin + 10))}


def tenths(rows):
    """Other rows each epoch, a tenth of them."""
    return rows.filter(expr=random(seed=8) < 0.1)


def read(files):
    return ms.read_parquet(str(files))


def shuffled(rows):
    return rows.random_shuffle(seed=ms.RandomSeedConfig(5))


def with_rest(rows):
    return rows.with_column("rest", col("number") % 10)


PLANS = {
    "map": lambda files: read(files).map_batches(doubled, batch_size=60),
    "class": lambda files: read(files).map(Adds, fn_constructor_args=(1,)),
    "filter and flat map": lambda files: read(files).filter(is_odd).flat_map(one_or_two),
    "map, shuffled": lambda files: shuffled(read(files).map_batches(doubled, batch_size=60)),
    "shuffled, map": lambda files: shuffled(read(files)).map_batches(doubled, batch_size=60),
    "flat map, shuffled, map": lambda files: shuffled(read(files).flat_map(one_or_two)).map(
        Adds, fn_constructor_args=(1,)
    ),
    "shuffled twice": lambda files: shuffled(shuffled(read(files)).map_batches(doubled)),
    "sorted": lambda files: read(files).sort("name", descending=True),
    "map, sorted": lambda files: read(files).map_batches(doubled).sort("name"),
    "shuffled, sorted, map": lambda files: (
        with_rest(shuffled(read(files))).sort("rest").map_batches(first_two, batch_size=7)
    ),
    "sorted, shuffled": lambda files: shuffled(read(files).sort("name")),
    "grouped": lambda files: with_rest(read(files)).groupby("rest").sum("number").rename_columns({"rest": "number"}),
    "grouped, shuffled": lambda files: shuffled(read(files).groupby("number").count()),
    "groups": lambda files: with_rest(read(files)).groupby("rest").map_groups(first_two),
    "union, shuffled": lambda files: shuffled(
        read(files).union(read(files).map_batches(doubled)).select_columns("number")
    ),
    "zip": lambda files: read(files).zip(read(files).map_batches(doubled)),
    "limit between": lambda files: read(files).map_batches(doubled).limit(345).filter(is_odd),
    "sample": lambda files: read(files).random_sample(0.4, seed=3),
    "blocks": lambda files: read(files).randomize_block_order(seed=3).filter(is_odd),
    "random rows": lambda files: tenths(read(files)),
    "random rows, shuffled": lambda files: shuffled(tenths(read(files))),
    "numbered": lambda files: read(files).with_column("number", monotonically_increasing_id() + col("number") * 0),
    "udf": lambda files: read(files).with_column("number", plus_one(col("number") * 2) - 1),
    "shuffled, filter by udf": lambda files: shuffled(read(files)).filter(expr=plus_one(col("number")) % 3 == 0),
    "datasource": lambda files: ms.read_datasource(Tens()),
    "datasource, shuffled": lambda files: shuffled(ms.read_datasource(Tens(), concurrency=3)),
    "part of a split": lambda files: shuffled(read(files)).split(3)[1],
}
