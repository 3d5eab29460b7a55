#include "bindings/arrow_capsules.h"

#include <arrow/array.h>
#include <arrow/c/bridge.h>

#include "bindings/errors.h"

namespace nb = nanobind;

namespace millstream {
namespace {

template <typename Struct>
void Release(PyObject* capsule, const char* name) {
  auto* held = static_cast<Struct*>(PyCapsule_GetPointer(capsule, name));
  if (held != nullptr && held->release != nullptr) held->release(held);
  delete held;
}

void ReleaseSchema(PyObject* capsule) { Release<ArrowSchema>(capsule, "arrow_schema"); }
void ReleaseArray(PyObject* capsule) { Release<ArrowArray>(capsule, "arrow_array"); }
void ReleaseStream(PyObject* capsule) { Release<ArrowArrayStream>(capsule, "arrow_array_stream"); }

template <typename Struct>
Struct* PointerOf(nb::handle capsule, const char* name) {
  void* pointer = PyCapsule_GetPointer(capsule.ptr(), name);
  if (pointer == nullptr) throw nb::python_error();
  return static_cast<Struct*>(pointer);
}

std::shared_ptr<arrow::RecordBatch> Validated(std::shared_ptr<arrow::RecordBatch> batch) {
  RaiseIfFailed(WithContext(batch->ValidateFull(), "the Arrow data given is not valid"));
  return batch;
}

}  // namespace

nb::object ExportSchema(const arrow::Schema& schema) {
  auto exported = std::make_unique<ArrowSchema>();
  RaiseIfFailed(arrow::ExportSchema(schema, exported.get()));
  return nb::steal(PyCapsule_New(exported.release(), "arrow_schema", ReleaseSchema));
}

nb::tuple ExportBatch(const arrow::RecordBatch& batch) {
  auto schema = std::make_unique<ArrowSchema>();
  auto array = std::make_unique<ArrowArray>();
  RaiseIfFailed(arrow::ExportRecordBatch(batch, array.get(), schema.get()));
  nb::object schema_capsule = nb::steal(PyCapsule_New(schema.release(), "arrow_schema", ReleaseSchema));
  nb::object array_capsule = nb::steal(PyCapsule_New(array.release(), "arrow_array", ReleaseArray));
  return nb::make_tuple(std::move(schema_capsule), std::move(array_capsule));
}

nb::object ExportStream(std::shared_ptr<arrow::RecordBatchReader> reader) {
  auto exported = std::make_unique<ArrowArrayStream>();
  RaiseIfFailed(arrow::ExportRecordBatchReader(std::move(reader), exported.get()));
  return nb::steal(PyCapsule_New(exported.release(), "arrow_array_stream", ReleaseStream));
}

ImportedTable ImportTable(nb::handle object) {
  ImportedTable table;
  if (nb::hasattr(object, "__arrow_c_stream__")) {
    nb::object capsule = object.attr("__arrow_c_stream__")();
    auto reader = ValueOrRaise(arrow::ImportRecordBatchReader(PointerOf<ArrowArrayStream>(capsule, "arrow_array_stream")));
    table.schema = reader->schema();
    for (;;) {
      std::shared_ptr<arrow::RecordBatch> batch;
      RaiseIfFailed(reader->ReadNext(&batch));
      if (batch == nullptr) return table;
      table.batches.push_back(Validated(std::move(batch)));
    }
  }
  if (!nb::hasattr(object, "__arrow_c_array__")) {
    throw nb::type_error("expected an Arrow table or record batch (an object with __arrow_c_stream__ or __arrow_c_array__)");
  }
  nb::tuple capsules = nb::cast<nb::tuple>(object.attr("__arrow_c_array__")());
  auto batch = ValueOrRaise(arrow::ImportRecordBatch(PointerOf<ArrowArray>(capsules[1], "arrow_array"), PointerOf<ArrowSchema>(capsules[0], "arrow_schema")));
  table.schema = batch->schema();
  table.batches.push_back(Validated(std::move(batch)));
  return table;
}

std::shared_ptr<arrow::Schema> ImportSchema(nb::handle object) {
  nb::object capsule = object.attr("__arrow_c_schema__")();
  return ValueOrRaise(arrow::ImportSchema(PointerOf<ArrowSchema>(capsule, "arrow_schema")));
}

std::shared_ptr<arrow::DataType> ImportType(nb::handle object) {
  nb::object capsule = object.attr("__arrow_c_schema__")();
  return ValueOrRaise(arrow::ImportType(PointerOf<ArrowSchema>(capsule, "arrow_schema")));
}

std::shared_ptr<arrow::Array> ImportArray(nb::handle object) {
  nb::tuple capsules = nb::cast<nb::tuple>(object.attr("__arrow_c_array__")());
  auto array = ValueOrRaise(arrow::ImportArray(PointerOf<ArrowArray>(capsules[1], "arrow_array"), PointerOf<ArrowSchema>(capsules[0], "arrow_schema")));
  RaiseIfFailed(array->ValidateFull());
  return array;
}

}  // namespace millstream
