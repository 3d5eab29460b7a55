"""Plans with transforms at several places, over the files of number_files.py, which several tests run."""

import millstream as ms
from millstream import col


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
    "part of a split": lambda files: shuffled(read(files)).split(3)[1],
}
