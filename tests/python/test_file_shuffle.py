"""`shuffle="files"`: files in a random order, rows of each in theirs."""

import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import millstream as ms
from millstream.datasource import FileShuffleConfig

FILES = 20


@pytest.fixture
def directory(tmp_path):
    for file in range(FILES):
        numbers = list(range(file * 3, file * 3 + 3))
        pq.write_table(pa.table({"n": numbers}), tmp_path / f"{file:02}.parquet")
        (tmp_path / f"{file:02}.csv").write_text("n\n" + "".join(f"{number}\n" for number in numbers))
        np.save(tmp_path / f"{file:02}.npy", np.array(numbers))
    return tmp_path


def numbers_of(dataset):
    (column,) = dataset.columns()
    return [row[column] for row in dataset.take_all()]


def test_files_come_in_the_order_of_a_seed_and_rows_in_that_of_their_file(directory):
    config = FileShuffleConfig(seed=7, reseed_after_execution=False)
    shuffled = numbers_of(ms.read_parquet(directory, shuffle=config))
    assert sorted(shuffled) == list(range(FILES * 3))
    assert [number // 3 for number in shuffled[::3]] != list(range(FILES))
    assert all(shuffled[at : at + 3] == list(range(shuffled[at], shuffled[at] + 3)) for at in range(0, FILES * 3, 3))
    assert numbers_of(ms.read_csv(directory, file_extensions="csv", shuffle=config)) == shuffled
    assert numbers_of(ms.read_numpy(directory, shuffle=config)) == shuffled
    other = FileShuffleConfig(seed=8, reseed_after_execution=False)
    assert numbers_of(ms.read_parquet(directory, shuffle=other)) != shuffled


def test_the_order_is_drawn_once_and_travels(directory):
    drawn = ms.read_parquet(directory, shuffle="files")
    order = numbers_of(drawn)
    assert numbers_of(drawn) == order
    assert numbers_of(pickle.loads(pickle.dumps(drawn))) == order
    assert any(numbers_of(ms.read_parquet(directory, shuffle="files")) != order for _ in range(3))
    assert any(numbers_of(ms.read_parquet(directory, shuffle=FileShuffleConfig())) != order for _ in range(3))
    assert drawn.input_files() == [str(directory / f"{number // 3:02}.parquet") for number in order[::3]]


def test_the_order_of_a_seed_is_the_one_that_is_documented(directory):
    # By the keys of rows of source 0, of which docs/order.md has golden vectors.
    expected = numbers_of(ms.range(FILES).random_shuffle(seed=7))
    config = FileShuffleConfig(seed=7, reseed_after_execution=False)
    assert [number // 3 for number in numbers_of(ms.read_parquet(directory, shuffle=config))[::3]] == expected


def test_mistakes_are_told(directory):
    with pytest.raises(NotImplementedError, match="reseed_after_execution=False"):
        ms.read_parquet(directory, shuffle=FileShuffleConfig(seed=1))
    with pytest.raises(TypeError, match="'rows'"):
        ms.read_parquet(directory, shuffle="rows")
    with pytest.raises((TypeError, ValueError), match="seed"):
        FileShuffleConfig(seed="x")
