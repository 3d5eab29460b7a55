"""read_sql and write_sql, on SQLite, DuckDB and a PostgreSQL server, by DB-API 2 and ADBC."""

import datetime
import decimal
import functools
import itertools
import os
import pickle
import random
import resource
import sqlite3
import uuid

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from postgres_server import PASSWORD, postgres_server, programs

import millstream as ms

ROWS = 30_000


def sqlite_rows(count=ROWS):
    return [(n, n / 2 if n % 7 else None, f"row {n}", bytes([n % 256])) for n in range(count)]


@pytest.fixture(scope="module")
def flights(tmp_path_factory):
    """The factory of connections to a SQLite file with a table of 30,000 rows."""
    path = str(tmp_path_factory.mktemp("sqlite") / "flights.db")
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE flights (id INTEGER PRIMARY KEY, half REAL, name TEXT, tag BLOB)")
    connection.executemany("INSERT INTO flights VALUES (?, ?, ?, ?)", sqlite_rows())
    connection.commit()
    connection.close()
    return functools.partial(sqlite3.connect, path)


@pytest.fixture(scope="module")
def server():
    if programs() is None:
        pytest.skip("PostgreSQL's server is not installed: apt-get install postgresql")
    pytest.importorskip("psycopg")
    with postgres_server() as address:
        yield address


@pytest.fixture(scope="module", params=["psycopg", "psycopg2"])
def postgres(request, server):
    """The factory of connections to the server, of both drivers."""
    driver = pytest.importorskip(request.param)
    return functools.partial(driver.connect, **server, password=PASSWORD)


@pytest.fixture(scope="module")
def adbc_postgres(server):
    adbc = pytest.importorskip("adbc_driver_postgresql.dbapi")
    return functools.partial(adbc.connect, "postgresql://tester:{}@{host}:{port}/{dbname}".format(PASSWORD, **server))


def execute(factory, *statements):
    """Runs them in one transaction; the rows of the last one."""
    connection = factory()
    cursor = connection.cursor()
    for statement in statements:
        cursor.execute(statement)
    rows = cursor.fetchall() if cursor.description else None
    connection.commit()
    connection.close()
    return rows


def texts_of(error):
    """All that is said of an error, its causes included."""
    said = []
    while error is not None:
        said += [str(error), repr(error), *getattr(error, "__notes__", [])]
        error = error.__cause__ or error.__context__
    return "\n".join(said)


# ---- reading ----
def test_rows_of_sqlite(each_engine, flights):
    rows = ms.read_sql("SELECT * FROM flights ORDER BY id", flights)
    names = ["id", "half", "name", "tag"]
    assert [tuple(row.values()) for row in rows.iter_rows()] == sqlite_rows()
    assert (rows.columns(), rows.num_blocks(), rows.count()) == (names, 1, ROWS)
    assert [str(kind) for kind in rows.schema().types] == ["int64", "double", "string", "binary"]
    shuffled = [row["id"] for row in rows.random_shuffle(seed=3).iter_rows()]
    assert sorted(shuffled) == list(range(ROWS)) != shuffled
    assert rows.filter(expr="id < 10").sum("id") == 45


def test_parameters_and_a_semicolon(flights):
    rows = ms.read_sql(
        "SELECT id FROM flights WHERE id > ? AND name <> ?;\n", flights, sql_params=(29_997, "row 29998")
    )
    assert rows.take_all() == [{"id": 29_999}]
    rows = ms.read_sql("SELECT id FROM flights WHERE id = :id", flights, sql_params={"id": 7})
    assert rows.take_all() == [{"id": 7}]


def test_a_data_set_of_sql_pickles_and_each_epoch_runs_the_statement(tmp_path):
    factory = functools.partial(sqlite3.connect, str(tmp_path / "t.db"))
    execute(factory, "CREATE TABLE t (n INTEGER)", "INSERT INTO t VALUES (1), (2)")
    rows = pickle.loads(pickle.dumps(ms.read_sql("SELECT n FROM t", factory)))
    iterator = rows.iterator()
    assert [row["n"] for row in iterator.iter_rows()] == [1, 2]
    execute(factory, "INSERT INTO t VALUES (3)")
    assert [row["n"] for row in iterator.iter_rows()] == [1, 2, 3]


def test_no_rows(flights):
    assert ms.read_sql("SELECT * FROM flights WHERE id < 0", flights).take_all() == []


def test_connections_that_make_dicts_of_rows(tmp_path):
    def factory():
        connection = sqlite3.connect(":memory:")
        connection.row_factory = lambda cursor, row: dict(
            zip([name[0] for name in cursor.description], row, strict=True)
        )
        return connection

    assert ms.read_sql("SELECT 1 AS a, 'x' AS b UNION ALL SELECT 2, 'y'", factory).take_all() == [
        {"a": 1, "b": "x"},
        {"a": 2, "b": "y"},
    ]


def many(first, then, at=100_000):
    """A column "v" that is `first` in 100,000 rows and `then` in one."""
    return f"""WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {at})
        SELECT i, CASE WHEN i < {at} THEN {first} ELSE {then} END AS v FROM n"""


@pytest.mark.parametrize(
    ("first", "then", "kind", "last"),
    [("1", "NULL", "int64", None), ("0.5", "2", "double", 2.0), ("'x'", "NULL", "string", None)],
)
def test_later_rows_fit_the_first_ones(first, then, kind, last):
    rows = ms.read_sql(many(first, then), functools.partial(sqlite3.connect, ":memory:"))
    values = rows.select_columns("v").to_arrow()["v"]
    assert (str(values.type), values[-1].as_py(), len(values)) == (kind, last, 100_001)


@pytest.mark.parametrize(
    ("first", "then", "message"),
    [
        ("1", "2.5", r"column 'v' is int64 at first and double in rows \d+ to 100000; CAST it.*schema="),
        ("1", "'x'", r"column 'v' has values of several types|column 'v' is int64 at first and string"),
        ("NULL", "5", r"column 'v' is null in the first \d+ rows and then int64; CAST it"),
    ],
)
def test_a_type_that_changes_is_named_and_schema_helps(first, then, message):
    memory = functools.partial(sqlite3.connect, ":memory:")
    with pytest.raises(TypeError, match=message):
        ms.read_sql(many(first, then), memory).to_arrow()
    wanted = pa.schema([("v", pa.float64())])
    if "x" in then:
        with pytest.raises(TypeError, match=r"column 'v'.*; CAST it"):
            ms.read_sql(many(first, then), memory, schema=wanted).to_arrow()
        return
    values = ms.read_sql(many(first, then), memory, schema=wanted).to_arrow()["v"]
    assert (values.type, values[-1].as_py()) == (pa.float64(), float(then))


def test_a_schema_that_does_not_fit_is_refused(flights):
    with pytest.raises(TypeError, match="column 'name' does not become int64"):
        ms.read_sql("SELECT name FROM flights", flights, schema=pa.schema([("name", pa.int64())])).take(1)
    with pytest.raises(KeyError, match="'nmae'"):
        ms.read_sql("SELECT name FROM flights", flights, schema=pa.schema([("nmae", pa.int64())])).take(1)


def test_mixed_types_and_names_twice_are_refused(flights):
    with pytest.raises(TypeError, match=r"column 'v'.*of several types"):
        ms.read_sql("SELECT 1 AS v UNION ALL SELECT 'x'", flights).take(1)
    with pytest.raises(ValueError, match=r"two columns have the name 'id'.*AS"):
        ms.read_sql("SELECT a.id, b.id FROM flights a, flights b LIMIT 1", flights).take(1)
    with pytest.raises(ValueError, match="gives no rows; give a SELECT"):
        ms.read_sql("CREATE TEMP TABLE t (n INTEGER)", flights).take(1)


def test_large_rows_come_few_at_a_time():
    fetched = []

    class Counting(sqlite3.Cursor):
        def fetchmany(self, size):
            rows = super().fetchmany(size)
            fetched.append(len(rows))
            return rows

    class Connection(sqlite3.Connection):
        def cursor(self):
            return super().cursor(Counting)

    factory = functools.partial(sqlite3.connect, ":memory:", factory=Connection)
    rows = ms.read_sql(many("zeroblob(1000000)", "zeroblob(1)", at=300), factory)
    assert sum(len(blob) for batch in rows.iter_batches(batch_size=4) for blob in batch["v"]) == 300_000_001
    assert max(fetched) == 64
    assert fetched[1:5] == [4, 4, 4, 4]


def test_rows_of_duckdb_in_shards(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    path = str(tmp_path / "t.duckdb")
    duckdb.connect(path).execute(
        "CREATE TABLE t AS SELECT i AS id, nullif(i % 5, 0) AS five, i / 3 AS third, i::DECIMAL(9, 2) AS price "
        "FROM range(10000) r(i)"
    ).close()
    factory = functools.partial(duckdb.connect, path, read_only=True)
    rows = ms.read_sql("SELECT * FROM t", factory, shard_keys=["id"], shard_hash_fn="hash", concurrency=3)
    assert rows.num_blocks() == 8
    assert sorted(row["id"] for row in rows.iter_rows()) == list(range(10_000))
    assert rows.to_arrow()["price"].type == pa.decimal128(38, 2)
    assert [row["id"] for row in rows.iter_rows()] == [row["id"] for row in rows.iter_rows()]
    # Keys that are null, and functions that give fractions, lose no row.
    for key, function in (("five", "hash"), ("third", ""), ("third", "sin")):
        shared = ms.read_sql("SELECT * FROM t", factory, shard_keys=[key], shard_hash_fn=function, parallelism=7)
        assert shared.num_blocks() == 7
        assert sorted(row["id"] for row in shared.iter_rows()) == list(range(10_000)), (key, function)
    both = ms.read_sql("SELECT * FROM t", factory, shard_keys=["five", "id"], shard_hash_fn="hash", parallelism=4)
    assert both.count() == 10_000


def test_shards_of_sqlite_with_a_function_of_its_own(flights):
    def factory():
        connection = flights()
        connection.create_function("MD5", 1, lambda key: (key * 2_654_435_761) % 1_000_003 - 500_000)
        return connection

    rows = ms.read_sql("SELECT * FROM flights", factory, shard_keys=["id"], override_num_blocks=5)
    assert rows.num_blocks() == 5
    assert sorted(row["id"] for row in rows.iter_rows()) == list(range(ROWS))
    for rows_of_few, tasks in ((120, 3), (30, 1), (0, 1)):  # at least fifty rows a task
        few = ms.read_sql(f"SELECT * FROM flights WHERE id < {rows_of_few}", factory, shard_keys=["id"])
        assert (few.num_blocks(), few.count()) == (tasks, rows_of_few)


def test_shards_that_the_database_cannot_make_are_one_task(flights):
    with pytest.warns(UserWarning, match=r"one task reads all rows.*MD5\(id\).*no such function") as told:
        rows = ms.read_sql("SELECT * FROM flights", flights, shard_keys=["id"])
    assert told[0].filename == __file__
    assert (rows.num_blocks(), rows.count()) == (1, ROWS)
    with pytest.raises(ValueError, match=r"shard_keys are not columns.*nokey"):
        ms.read_sql("SELECT * FROM flights", flights, shard_keys=["nokey"])
    with pytest.raises(sqlite3.OperationalError, match="no such table: nowhere"):
        ms.read_sql("SELECT * FROM nowhere", flights, shard_keys=["id"])


def test_wrong_arguments_are_refused(flights):
    with pytest.raises(TypeError, match=r"must be a function that makes a connection, .* not str"):
        ms.read_sql("SELECT 1", "flights.db")
    with pytest.raises(TypeError, match="sql must be a text"):
        ms.read_sql(3, flights)
    with pytest.raises(ValueError, match="sql is empty"):
        ms.read_sql(" ; ", flights)
    with pytest.raises(TypeError, match=r"returned int, which has no cursor\(\)"):
        ms.read_sql("SELECT 1", lambda: 3).take(1)
    with pytest.raises(NotImplementedError, match="num_cpus"):
        ms.read_sql("SELECT 1", flights, num_cpus=2)
    with pytest.raises(TypeError, match="no argument 'params'"):
        ms.read_sql("SELECT 1", flights, params=[2])


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT * FROM nowhere", "ReadSQL: OperationalError: no such table: nowhere"),
        ("SELEC 1", 'ReadSQL: OperationalError: near "SELEC": syntax error'),
        ("SELECT abs(-9223372036854775807 - 1) AS v", "ReadSQL: OperationalError: integer overflow"),
    ],
)
def test_what_sqlite_raises_is_raised(flights, sql, message):
    with pytest.raises(sqlite3.OperationalError, match=message) as caught:
        ms.read_sql(sql, flights).take(1)
    assert isinstance(caught.value, ms.UserCodeError)


def test_what_a_factory_raises_is_told_without_what_it_quotes():
    secret = "pa55word"

    def failing(text):
        def factory():
            raise ConnectionError(text)

        return factory

    for text in (
        f'invalid integer value "{secret}" for connection option "port"',
        f"cannot parse postgresql://me:{secret}@host/db",
        f"could not translate host name '{secret}@host'",
        f"refused: user=me password={secret} host=db",
        f"refused: PWD = {secret};UID=me",
        f'missing "=" after "pass"{secret}" in connection info string',
        f"token: {secret}",
    ):
        with pytest.raises(ConnectionError, match=r"ReadSQL: connection_factory\(\): .*…") as caught:
            ms.read_sql("SELECT 1", failing(text)).take(1)
        assert secret not in texts_of(caught.value), text
        with pytest.raises(ConnectionError, match=r"WriteSQL: connection_factory\(\): .*…") as caught:
            ms.range(3).write_sql("INSERT INTO t VALUES (?)", failing(text))
        assert secret not in texts_of(caught.value), text


# ---- PostgreSQL ----
TYPES_SQL = """SELECT i AS id, i::bigint * 3000000000 AS large, i::smallint AS small, 'row ' || i AS name,
    CASE WHEN i % 7 = 0 THEN NULL ELSE i / 2.0::float8 END AS half, i % 2 = 0 AS even, i::numeric(10, 2) AS price,
    i::numeric / 4 AS quarter, timestamp '2020-01-01' + i * interval '1 hour' AS at,
    timestamptz '2020-01-01 00:00+00' + i * interval '1 hour' AS at_zone, date '2020-01-01' + i AS day,
    time '10:11' AS clock, interval '36 hours' AS lasts, array[i, i + 1] AS list, convert_to('b' || i, 'UTF8') AS bytes,
    NULL::text AS nothing, ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid AS uid
    FROM generate_series(1, 20000) i ORDER BY i"""


END_OTHERS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"""


def typed_row(i, driver):
    start = datetime.datetime(2020, 1, 1)
    identity = uuid.UUID(int=int(str(i), 16))
    return {
        "id": i,
        "large": i * 3_000_000_000,
        "small": i,
        "name": f"row {i}",
        "half": None if i % 7 == 0 else i / 2,
        "even": i % 2 == 0,
        "price": decimal.Decimal(i),
        "quarter": decimal.Decimal(i) / 4,
        "at": start + datetime.timedelta(hours=i),
        "at_zone": (start + datetime.timedelta(hours=i)).replace(tzinfo=datetime.UTC),
        "day": (start + datetime.timedelta(days=i)).date(),
        "clock": datetime.time(10, 11),
        "lasts": datetime.timedelta(hours=36),
        "list": [i, i + 1],
        "bytes": f"b{i}".encode(),
        "nothing": None,
        "uid": identity.bytes if driver == "psycopg" else str(identity),
    }


def test_types_of_postgres(postgres):
    rows = ms.read_sql(TYPES_SQL, postgres)
    kinds = dict(zip(rows.columns(), map(str, rows.schema().types), strict=True))
    driver = postgres.func.__module__.partition(".")[0]
    assert kinds == {
        "id": "int64",
        "large": "int64",
        "small": "int64",
        "name": "string",
        "half": "double",
        "even": "bool",
        "price": "decimal128(10, 2)",
        "quarter": "decimal128(38, 20)",
        "at": "timestamp[us]",
        "at_zone": "timestamp[us, tz=UTC]",
        "day": "date32[day]",
        "clock": "time64[us]",
        "lasts": "duration[us]",
        "list": "list<item: int64>",
        "bytes": "binary",
        "nothing": "string",
        "uid": "extension<arrow.uuid>" if driver == "psycopg" else "string",
    }
    assert list(rows.iter_rows()) == [typed_row(i, driver) for i in range(1, 20_001)]


def test_decimals_without_digits_of_their_own_need_a_type_where_they_grow(postgres):
    sql = "SELECT CASE WHEN i < 90000 THEN 1.5 ELSE 1.123 END AS v FROM generate_series(1, 100000) i"
    with pytest.raises(TypeError, match=r"'v' is decimal128\(38, 1\) at first and decimal128\(4, 3\) in rows"):
        ms.read_sql(sql, postgres).to_arrow()
    wanted = pa.schema([("v", pa.decimal128(20, 4))])
    values = ms.read_sql(sql, postgres, schema=wanted).to_arrow()["v"]
    assert (values.type, values[-1].as_py()) == (pa.decimal128(20, 4), decimal.Decimal("1.1230"))
    assert ms.read_sql(sql, postgres, schema=pa.schema([("v", pa.float64())])).to_arrow()["v"][-1].as_py() == 1.123


def test_rows_of_postgres_stay_on_the_server(postgres):
    rows = ms.read_sql("SELECT i, repeat('x', 4000) AS s FROM generate_series(1, 150000) i", postgres)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count = 0
    for batch in rows.iter_batches(batch_size=5_000):
        assert batch["i"][0] == count + 1
        count += len(batch["i"])
    assert count == 150_000
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    assert grown_mb < 300, "of 600 MB of texts"


def test_shards_of_postgres(postgres):
    sql = "SELECT i AS id, 'k' || i AS key FROM generate_series(1, 5000) i"
    rows = ms.read_sql(sql, postgres, shard_keys=["key"], shard_hash_fn="hashtext")
    assert rows.num_blocks() == 8
    assert sorted(row["id"] for row in rows.iter_rows()) == list(range(1, 5001))
    # The least number has no absolute value in PostgreSQL.
    least = "SELECT -2147483648 + i AS id FROM generate_series(0, 99) i"
    shared = ms.read_sql(least, postgres, shard_keys=["id"], shard_hash_fn="", override_num_blocks=2)
    assert (shared.num_blocks(), shared.count()) == (2, 100)
    with pytest.warns(UserWarning, match=r"MD5\(key\).*hashtext|MD5\(key\)"):
        assert ms.read_sql(sql, postgres, shard_keys=["key"]).num_blocks() == 1


def test_connections_that_commit_each_statement_are_taken(server):
    psycopg = pytest.importorskip("psycopg")
    factory = functools.partial(psycopg.connect, **server, password=PASSWORD, autocommit=True)
    assert ms.read_sql("SELECT 1 AS a", factory).take_all() == [{"a": 1}]
    execute(factory, "DROP TABLE IF EXISTS plain", "CREATE TABLE plain (n bigint UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        ms.range(3000).map(lambda row: {"n": row["id"] % 2999}).write_sql("INSERT INTO plain VALUES (%s)", factory)
    assert execute(factory, "SELECT count(*) FROM plain") == [(0,)]


@pytest.mark.parametrize(
    ("sql", "kind", "message"),
    [
        ("SELECT * FROM nowhere", "UndefinedTable", 'relation "nowhere" does not exist'),
        ("SELEC 1", "SyntaxError", "syntax error at or near"),
        ("SELECT 1 / (i - 90000) AS v FROM generate_series(1, 100000) i", "DivisionByZero", "division by zero"),
    ],
)
def test_what_postgres_raises_is_raised(postgres, sql, kind, message):
    errors = pytest.importorskip(postgres.func.__module__.partition(".")[0] + ".errors")
    with pytest.raises(getattr(errors, kind), match=f"ReadSQL: {kind}: {message}"):
        ms.read_sql(sql, postgres).to_arrow()


def test_a_connection_that_breaks_in_the_middle(postgres):
    rows = ms.read_sql("SELECT i FROM generate_series(1, 5000000) i", postgres)
    batches = iter(rows.iter_batches(batch_size=1000))
    assert next(batches)["i"][0] == 1
    assert execute(postgres, END_OTHERS)
    with pytest.raises(RuntimeError, match=r"(?s)ReadSQL: .*(terminat|closed)") as caught:
        for _ in batches:
            pass
    assert PASSWORD not in texts_of(caught.value)
    assert rows.limit(2).take_all() == [{"i": 1}, {"i": 2}]


def test_wrong_credentials_are_told_without_the_password(server, postgres, adbc_postgres):
    driver = postgres.func
    adbc = adbc_postgres.func
    wrong = "wr0ngpassword"
    factories = [
        functools.partial(driver, **server, password=wrong),
        functools.partial(
            driver, "host={host} port={port} user=tester dbname=postgres password={}".format(wrong, **server)
        ),
        functools.partial(driver, f"postgresql://tester:{wrong}@127.0.0.1:{server['port']}/postgres"),
        functools.partial(adbc, f"postgresql://tester:{wrong}@127.0.0.1:{server['port']}/postgres"),
    ]
    for factory in factories:
        with pytest.raises(ms.UserCodeError, match=r"ReadSQL: .*OperationalError.*authentication failed") as caught:
            ms.read_sql("SELECT 1", factory).take(1)
        assert wrong not in texts_of(caught.value)
        with pytest.raises(ms.UserCodeError, match="authentication failed") as caught:
            ms.read_sql("SELECT 1 AS a", factory, shard_keys=["a"])
        assert wrong not in texts_of(caught.value)
        with pytest.raises(ms.UserCodeError, match=r"WriteSQL: .*authentication failed") as caught:
            ms.range(3).write_sql("INSERT INTO t VALUES (1)", factory)
        assert wrong not in texts_of(caught.value)
    # Passwords whose signs break the address.
    for address in (f"postgresql://tester:a/{wrong}@127.0.0.1/x", f"host=127.0.0.1 pass word={wrong}"):
        for connect in (driver, adbc):
            with pytest.raises(ms.UserCodeError, match="connection_factory") as caught:
                ms.read_sql("SELECT 1", functools.partial(connect, address)).take(1)
            assert wrong not in texts_of(caught.value)


# ---- ADBC ----
def test_rows_of_sqlite_by_adbc(flights):
    adbc = pytest.importorskip("adbc_driver_sqlite.dbapi")
    factory = functools.partial(adbc.connect, flights.args[0])
    rows = ms.read_sql("SELECT * FROM flights WHERE id >= ? ORDER BY id", factory, sql_params=(10,))
    assert [tuple(row.values()) for row in rows.iter_rows()] == sqlite_rows()[10:]
    wanted = pa.schema([("half", pa.float32())])
    assert str(ms.read_sql("SELECT * FROM flights", factory, schema=wanted).schema().types[1]) == "float"
    with pytest.raises(adbc.ProgrammingError, match=r"ReadSQL: ProgrammingError.*no such table: nowhere"):
        ms.read_sql("SELECT * FROM nowhere", factory).take(1)


def test_rows_of_postgres_by_adbc(adbc_postgres):
    batch = ms.read_sql(TYPES_SQL, adbc_postgres).to_arrow()
    expected = [typed_row(i, "psycopg") for i in range(1, 20_001)]
    for name in ("id", "large", "name", "half", "even", "at", "at_zone", "day", "list", "bytes", "nothing"):
        assert batch[name].to_pylist() == [row[name] for row in expected], name
    assert batch["price"].to_pylist()[:2] == ["1.00", "2.00"]  # the driver has no type for them
    typed = ms.read_sql(TYPES_SQL, adbc_postgres, schema=pa.schema([("price", pa.decimal128(10, 2))])).to_arrow()
    assert typed["price"].to_pylist() == [row["price"] for row in expected]
    shared = ms.read_sql(TYPES_SQL, adbc_postgres, shard_keys=["name"], shard_hash_fn="hashtext", parallelism=3)
    ids = shared.select_columns("id").to_arrow()["id"].to_pylist()
    assert (shared.num_blocks(), sorted(ids)) == (3, list(range(1, 20_001)))


# ---- writing ----
@pytest.fixture
def made(tmp_path):
    """The factory of connections to an empty SQLite table of four columns."""
    factory = functools.partial(sqlite3.connect, str(tmp_path / "made.db"))
    execute(factory, "CREATE TABLE made (key INTEGER, half REAL, name TEXT, at TIMESTAMP)")
    return factory


def test_rows_are_written_in_order(rows, expected, made):
    told = rows.map(lambda row: {**row, "at": "x"}).select_columns(["key", "half", "name", "at"])
    told.write_sql("INSERT INTO made VALUES (?, ?, ?, ?)", made, concurrency=2)
    written = execute(made, "SELECT key, half, name FROM made ORDER BY rowid")
    assert written == [(row["key"], row["half"], row["name"]) for row in expected]
    assert ms.read_sql("SELECT count(*) AS n FROM made", made).take_all() == [{"n": 1000}]
    rows.select_columns(["key"]).write_sql("DELETE FROM made WHERE key = ?", made)
    assert execute(made, "SELECT count(*) FROM made") == [(0,)]


@pytest.mark.filterwarnings("ignore:The default datetime adapter:DeprecationWarning")
def test_what_pandas_and_numpy_have_is_written(made):
    frame = pd.DataFrame(
        {
            "key": np.arange(3, dtype=np.uint8),
            "half": np.array([0.5, np.nan, 2], np.float32),
            "name": ["a", None, "c"],
            "at": pd.to_datetime(["2020-01-01 00:00:00", None, "2021-02-03 04:05:06"]).astype("datetime64[ns]"),
        }
    )
    ms.from_pandas(frame).write_sql("INSERT INTO made VALUES (?, ?, ?, ?)", made)
    assert execute(made, "SELECT * FROM made") == [
        (0, 0.5, "a", "2020-01-01 00:00:00"),
        (1, None, None, None),
        (2, 2.0, "c", "2021-02-03 04:05:06"),
    ]


@pytest.mark.parametrize("isolation", ["", None, "IMMEDIATE"])
def test_a_failure_leaves_nothing_written(made, isolation):
    factory = functools.partial(made, isolation_level=isolation)

    def failing(row):
        if row["id"] == 40_000:
            raise ValueError("the last row")
        return row

    with pytest.raises(ms.UserCodeError, match="the last row"):
        ms.range(40_001).map(failing).write_sql("INSERT INTO made (key) VALUES (?)", factory)
    assert execute(made, "SELECT count(*) FROM made") == [(0,)]
    execute(made, "CREATE UNIQUE INDEX one ON made (key)")
    with pytest.raises(sqlite3.IntegrityError, match=r"WriteSQL: IntegrityError: UNIQUE constraint failed: made\.key"):
        ms.range(40_000).union(ms.range(1)).write_sql("INSERT INTO made (key) VALUES (?)", factory)
    assert execute(made, "SELECT count(*) FROM made") == [(0,)]
    ms.range(40_000).write_sql("INSERT INTO made (key) VALUES (?)", factory)
    assert execute(made, "SELECT count(*), sum(key) FROM made") == [(40_000, 799_980_000)]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("INSERT INTO nowhere VALUES (?)", "no such table: nowhere"),
        ("INSRT INTO made VALUES (?)", "syntax error"),
        ("INSERT INTO made (key, half) VALUES (?, ?)", "Incorrect number of bindings"),
    ],
)
def test_a_statement_that_cannot_run_is_named(made, sql, message):
    with pytest.raises(sqlite3.Error, match=f"WriteSQL: .*{message}"):
        ms.range(3).write_sql(sql, made)


def test_wrong_arguments_of_writing_are_refused(rows, made):
    with pytest.raises(TypeError, match="must be a function that makes a connection"):
        rows.write_sql("INSERT INTO made VALUES (?)", "made.db")
    with pytest.raises(ValueError, match="sql is empty"):
        rows.write_sql("", made)
    with pytest.raises(NotImplementedError, match=r"write_sql\(ray_remote_args"):
        rows.write_sql("INSERT INTO made VALUES (?)", made, ray_remote_args={"num_cpus": 1})
    with pytest.raises(sqlite3.Error, match=r"type 'list' is not supported"):
        rows.select_columns("tags").write_sql("INSERT INTO made (name) VALUES (?)", made)


def test_rows_are_written_to_postgres(postgres):
    execute(
        postgres,
        "DROP TABLE IF EXISTS made",
        """CREATE TABLE made (id int PRIMARY KEY, name text, half float8, day date, at timestamptz, price numeric,
            list int[])""",
    )
    stamp = datetime.datetime(2020, 1, 1, 12, tzinfo=datetime.UTC)
    items = [
        {
            "id": n,
            "name": f"n{n}" if n % 3 else None,
            "half": n / 2,
            "day": datetime.date(2020, 1, 1) + datetime.timedelta(n % 300),
            "at": stamp,
            "price": decimal.Decimal(n) / 4,
            "list": [n, n + 1],
        }
        for n in range(5000)
    ]
    insert = "INSERT INTO made VALUES (%s, %s, %s, %s, %s, %s, %s)"
    ms.from_items(items).write_sql(insert, postgres)
    written = [tuple(row) for row in execute(postgres, "SELECT * FROM made ORDER BY id")]
    assert written == [tuple(item.values()) for item in items]
    more = [{**item, "id": item["id"] + 5000} for item in items]
    more[-1]["id"] = 7  # is there already
    errors = pytest.importorskip(postgres.func.__module__.partition(".")[0] + ".errors")
    with pytest.raises(errors.UniqueViolation, match="WriteSQL: UniqueViolation: duplicate key"):
        ms.from_items(more).write_sql(insert, postgres)
    assert execute(postgres, "SELECT count(*) FROM made") == [(5000,)]


def test_a_connection_that_breaks_while_rows_are_written(postgres):
    execute(postgres, "DROP TABLE IF EXISTS broken", "CREATE TABLE broken (id int)")
    ids = itertools.count()

    def breaking(row):
        if next(ids) == 300_000:
            assert execute(postgres, END_OTHERS)
        return row

    with pytest.raises(RuntimeError, match=r"(?s)WriteSQL: .*(terminat|closed)") as caught:
        ms.range(400_000).map(breaking).write_sql("INSERT INTO broken VALUES (%s)", postgres)
    assert PASSWORD not in texts_of(caught.value)
    assert execute(postgres, "SELECT count(*) FROM broken") == [(0,)]


ADBC_INSERTS = {
    "taken whole": "INSERT INTO loaded (id, name, half) VALUES ($1, $2, $3)",
    "in a schema": 'insert into public."loaded" ("id", name, half) values ($1, $2, $3);',
    "other order": "INSERT INTO loaded (half, name, id) VALUES ($3, $2, $1)",
    "by a statement": "INSERT INTO loaded VALUES ($1, upper($2), $3)",
}


@pytest.mark.parametrize("insert", ADBC_INSERTS)
@pytest.mark.parametrize("kind", ["bigint", "int"])
def test_rows_are_written_to_postgres_by_adbc(server, adbc_postgres, insert, kind):
    table = f"CREATE TABLE loaded (id {kind}, name text, half float8)"
    execute(adbc_postgres, "DROP TABLE IF EXISTS loaded", table)
    items = [{"id": n, "name": f"n{n}" if n % 3 else None, "half": n / 2} for n in range(17_000)]
    ms.from_items(items).write_sql(ADBC_INSERTS[insert], adbc_postgres)
    if insert == "by a statement":
        items = [{**item, "name": item["name"] and item["name"].upper()} for item in items]
    rows = ms.read_sql("SELECT id::bigint, name, half FROM loaded ORDER BY id", adbc_postgres)
    assert list(rows.iter_rows()) == items


def test_a_failure_of_adbc_leaves_nothing_written(adbc_postgres):
    execute(adbc_postgres, "DROP TABLE IF EXISTS lost", "CREATE TABLE lost (id bigint)")

    def failing(row):
        if row["id"] == 39_999:
            raise ValueError("the last row")
        return row

    for insert in ("INSERT INTO lost (id) VALUES ($1)", "INSERT INTO lost SELECT $1"):
        with pytest.raises(ms.UserCodeError, match="the last row"):
            ms.range(40_000).map(failing).write_sql(insert, adbc_postgres)
        assert ms.read_sql("SELECT count(*) AS n FROM lost", adbc_postgres).take_all() == [{"n": 0}]
    with pytest.raises(ms.UserCodeError, match=r'WriteSQL: ProgrammingError: .*"nowhere" does not exist'):
        ms.range(3).write_sql("INSERT INTO nowhere (id) VALUES ($1)", adbc_postgres)


def test_rows_are_written_to_sqlite_by_adbc(tmp_path, rows, expected):
    adbc = pytest.importorskip("adbc_driver_sqlite.dbapi")
    factory = functools.partial(adbc.connect, str(tmp_path / "made.db"))
    execute(factory, "CREATE TABLE made (key INTEGER, half REAL, name TEXT)")
    rows.drop_columns("tags").write_sql("INSERT INTO made (key, half, name) VALUES (?, ?, ?)", factory)
    rows.drop_columns("tags").write_sql("INSERT INTO made VALUES (?, ?, ?)", factory)
    written = ms.read_sql("SELECT * FROM made ORDER BY rowid", factory).take_all()
    assert written == 2 * [{name: row[name] for name in ("key", "half", "name")} for row in expected]


def test_random_tables_come_back_as_they_were_written(tmp_path):
    seed = int(os.environ.get("MILLSTREAM_TEST_SEED", random.randrange(1 << 30)))
    print("MILLSTREAM_TEST_SEED", seed)
    draw = random.Random(seed)
    factory = functools.partial(sqlite3.connect, str(tmp_path / "random.db"))
    makers = {
        "INTEGER": lambda: draw.randrange(-(1 << 63), 1 << 63),
        "REAL": lambda: draw.uniform(-1e9, 1e9),
        "TEXT": lambda: "".join(draw.choice("aü☃ '\"%?") for _ in range(draw.randrange(9))),
        "BLOB": lambda: draw.randbytes(draw.randrange(9)),
    }
    for number in range(8):
        kinds = [draw.choice(list(makers)) for _ in range(draw.randint(1, 6))]
        items = [
            {f"c{at}": makers[kind]() if draw.random() < 0.8 else None for at, kind in enumerate(kinds)}
            for _ in range(draw.randint(1, 3000))
        ]
        items.insert(0, {f"c{at}": makers[kind]() for at, kind in enumerate(kinds)})
        columns = ", ".join(f"c{at} {kind}" for at, kind in enumerate(kinds))
        execute(factory, f"CREATE TABLE t{number} ({columns})")
        ms.from_items(items).write_sql(f"INSERT INTO t{number} VALUES ({', '.join('?' * len(kinds))})", factory)
        assert ms.read_sql(f"SELECT * FROM t{number} ORDER BY rowid", factory).take_all() == items
