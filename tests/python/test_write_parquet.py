"""Writing a data set as Parquet files, and reading it back."""

import pyarrow.parquet as pq
import pytest

import millstream as ms
from millstream import col


def files(directory):
    return sorted(path for path in directory.iterdir())


def test_what_is_written_reads_back_in_its_order(rows, expected, tmp_path):
    assert rows.write_parquet(tmp_path / "out") is None
    assert ms.read_parquet(tmp_path / "out").take_all() == expected
    assert ms.read_parquet(tmp_path / "out").schema() == rows.schema()
    assert all(path.suffix == ".parquet" for path in files(tmp_path / "out"))


def test_a_shuffled_and_filtered_set_is_written_as_it_is_shown(rows, tmp_path):
    shuffled = rows.random_shuffle(seed=3).filter(expr=col("key") < 300)
    shuffled.write_parquet(str(tmp_path))
    assert ms.read_parquet(tmp_path).take_all() == shuffled.take_all()


def test_rows_per_file_are_bounded(rows, expected, tmp_path):
    rows.write_parquet(tmp_path, max_rows_per_file=300)
    counts = [pq.read_metadata(path).num_rows for path in files(tmp_path)]
    assert sum(counts) == 1000
    assert max(counts) <= 300
    assert ms.read_parquet(tmp_path).take_all() == expected


def test_append_adds_overwrite_replaces_ignore_keeps_and_error_raises(rows, tmp_path):
    few = rows.limit(10)
    few.write_parquet(tmp_path)
    few.write_parquet(tmp_path, mode=ms.SaveMode.APPEND)
    assert ms.read_parquet(tmp_path).count() == 20
    few.write_parquet(tmp_path, mode="overwrite")
    assert ms.read_parquet(tmp_path).count() == 10
    rows.write_parquet(tmp_path, mode=ms.SaveMode.IGNORE)
    assert ms.read_parquet(tmp_path).count() == 10
    with pytest.raises((FileExistsError, ValueError), match=str(tmp_path)):
        rows.write_parquet(tmp_path, mode="error")
    assert ms.read_parquet(tmp_path).count() == 10


def test_compression_and_row_groups_are_as_asked(rows, tmp_path):
    rows.write_parquet(tmp_path, compression="zstd", row_group_size=100)
    metadata = pq.read_metadata(files(tmp_path)[0])
    assert metadata.row_group(0).column(0).compression == "ZSTD"
    assert max(metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)) <= 100
    with pytest.raises(ValueError, match="zippy"):
        rows.write_parquet(tmp_path, compression="zippy")


def test_a_failing_write_leaves_nothing(rows, tmp_path):
    broken = rows.with_column("bad", 1 // (col("key") - 999))
    with pytest.raises(ValueError, match="zero"):
        broken.write_parquet(tmp_path / "out")
    assert not (tmp_path / "out").exists() or files(tmp_path / "out") == []
