"""The user registers an extension type; reading a file that names it must run none of its code."""

import os
import tempfile

from imports import _core, engine, pa, stream

calls = []


class Colour(pa.ExtensionType):
    def __init__(self):
        super().__init__(pa.int32(), "test.colour")

    def __arrow_ext_serialize__(self):
        calls.append("serialize")
        return b"red"

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type, serialized):
        calls.append("deserialize")
        return cls()


pa.register_extension_type(Colour())
with tempfile.TemporaryDirectory() as directory:
    path = os.path.join(directory, "a.parquet")
    column = pa.ExtensionArray.from_storage(Colour(), pa.array(range(50), pa.int32()))
    pa.parquet.write_table(pa.table({"colour": column}), path)
    assert b"ARROW:schema" in pa.parquet.read_metadata(path).metadata

    calls.clear()
    plan = _core.read_parquet(engine(), {"paths": [path]})
    names, types = plan.schema().names, plan.schema().type_names
    values = []
    source = stream(plan.random_shuffle("fixed", 1))
    while (batch := source.next()) is not None:
        values += batch.pylist(0)
    assert calls == [], f"reading ran the user's code: {calls}"
    assert names == ["colour"], names
    assert sorted(values) == list(range(50)), values

    # The file does name the type, and the user's own pyarrow does run the code. On this thread: a worker of pyarrow 17 that lets go of
    # the type while the interpreter exits aborts the process, one time in thirty, without Millstream too.
    assert pa.parquet.read_table(path, use_threads=False).schema.field("colour").type == Colour()
    assert "deserialize" in calls
print(types[0])
