"""read_numpy."""

import io
import pickle
import random

import numpy
import pytest

import millstream as ms


@pytest.fixture
def save(write):
    def saved(name, array, **options):
        out = io.BytesIO()
        numpy.lib.format.write_array(out, array, **options)
        return write(name, out.getvalue())

    return saved


def rows_of(dataset):
    return [row["data"] for row in dataset.iter_rows()]


@pytest.mark.parametrize("kind", ["i1", "<i2", ">i4", "<i8", "u1", ">u2", "<u4", ">u8", "<f2", ">f4", "<f8", "?"])
@pytest.mark.parametrize("shape", [(7,), (7, 3), (5, 2, 3), (0,), (3, 1), ()])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_each_type_come_back(save, kind, shape, order):
    draw = numpy.random.default_rng(4)
    array = numpy.asarray(draw.integers(0, 100, shape), order=order).astype(kind)
    read = rows_of(ms.read_numpy(save("a.npy", array)))
    wanted = array.reshape(1) if shape == () else array
    assert len(read) == len(wanted)
    for row, value in zip(read, wanted, strict=True):
        assert numpy.array_equal(row, value)
        if len(shape) > 1:
            assert row.dtype == array.dtype.newbyteorder("=")


def test_large_arrays_in_either_order_are_cut_or_turned(each_engine, save):
    array = numpy.arange(400_000 * 3, dtype=numpy.int64).reshape(400_000, 3)
    for name, values in (("c.npy", array), ("f.npy", numpy.asfortranarray(array))):
        read = ms.read_numpy(save(name, values))
        got = numpy.concatenate([batch["data"] for batch in read.iter_batches(batch_size=50_000)])
        assert numpy.array_equal(got, array)
        assert read.count() == len(array)


def test_rows_wider_than_a_range(save):
    array = numpy.random.default_rng(1).random((5, 300_000))
    read = rows_of(ms.read_numpy(save("wide.npy", array)))
    assert numpy.array_equal(numpy.stack(read), array)


def test_shuffled_rows_are_the_same_whatever_the_engine(use_engine, save):
    save("d/a.npy", numpy.arange(150_000))
    path = save("d/b.npy", numpy.arange(150_000, 200_000))
    orders = set()
    for options in ({"num_cpus": 1}, {"num_cpus": 4}, {"always_spill": True}):
        use_engine(**options)
        shuffled = ms.read_numpy(path.rsplit("/", 1)[0]).random_shuffle(seed=3)
        orders.add(tuple(rows_of(pickle.loads(pickle.dumps(shuffled)))))
    (order,) = orders
    assert sorted(order) == list(range(200_000))


def test_files_of_several_shapes_are_tensors_of_several_shapes(save):
    save("d/a.npy", numpy.arange(6.0).reshape(2, 3))
    path = save("d/b.npy", numpy.arange(8.0).reshape(2, 4))
    read = rows_of(ms.read_numpy(path.rsplit("/", 1)[0]))
    assert [row.tolist() for row in read] == [[0, 1, 2], [3, 4, 5], [0, 1, 2, 3], [4, 5, 6, 7]]


def test_files_without_a_common_type_are_named(save):
    save("d/a.npy", numpy.zeros((2, 3)))
    path = save("d/b.npy", numpy.zeros((2, 3, 1)))
    with pytest.raises(TypeError, match=r"b\.npy has rows of .*which do not fit.*data sets of their own"):
        ms.read_numpy(path.rsplit("/", 1)[0])


def test_header_versions(save):
    for version in ((1, 0), (2, 0), (3, 0)):
        assert rows_of(ms.read_numpy(save("v.npy", numpy.arange(3), version=version))) == [0, 1, 2]


def test_what_is_not_numbers_is_refused(save, write):
    for array in (
        numpy.array(["a", "b"]),
        numpy.zeros(2, "M8[s]"),
        numpy.zeros(2, "c8"),
        numpy.zeros(2, [("x", "i4"), ("y", "f4")]),
    ):
        with pytest.raises(ValueError, match=r"odd\.npy has values of the numpy type .*from_numpy"):
            ms.read_numpy(save("odd.npy", array))
    objects = io.BytesIO()
    numpy.save(objects, numpy.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"type '\|O'"):
        ms.read_numpy(write("objects.npy", objects.getvalue()))
    with pytest.raises(ValueError, match="run code"):
        ms.read_numpy(write("objects.npy", objects.getvalue()), allow_pickle=True)
    packed = io.BytesIO()
    numpy.savez(packed, a=numpy.arange(3))
    with pytest.raises(ValueError, match=r"archive of arrays \(\.npz\)"):
        ms.read_numpy(write("z.npy", packed.getvalue()))
    with pytest.raises(NotImplementedError, match="mmap_mode"):
        ms.read_numpy(save("a.npy", numpy.arange(3)), mmap_mode="r")


def test_damaged_files_are_errors_and_nothing_else(save, write):
    out = io.BytesIO()
    numpy.save(out, numpy.arange(1000.0).reshape(100, 10))
    whole = out.getvalue()
    with pytest.raises(ValueError, match=r"ends at byte 8000, before its array does"):
        ms.read_numpy(write("short.npy", whole[:8000]))
    with pytest.raises(ValueError, match=r"none\.npy is no \.npy file"):
        ms.read_numpy(write("none.npy", b"PAR1"))
    huge = whole.replace(b"(100, 10)", b"(9" + b"9" * 17 + b",)")
    with pytest.raises(ValueError, match="before its array does"):
        ms.read_numpy(write("huge.npy", huge))
    seed = random.randrange(1 << 32)
    draw = random.Random(seed)
    for _ in range(300):
        bent = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            bent[draw.randrange(128)] = draw.randrange(256)
        try:
            ms.read_numpy(write("bent.npy", bytes(bent))).take_all()
        except (ValueError, TypeError):
            pass
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
