#include <arrow/array.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include "bindings/arrow_capsules.h"
#include "bindings/errors.h"
#include "bindings/interpreter.h"
#include "bindings/python_values.h"
#include "bindings/register.h"
#include "bindings/stages.h"
#include "ingest/execute.h"

namespace nb = nanobind;

namespace millstream {
namespace {

struct PyBatch {
  std::shared_ptr<arrow::RecordBatch> batch;
};

nb::dlpack::dtype NumpyTypeOf(const arrow::DataType& type) {
  using arrow::Type;
  switch (type.id()) {
    case Type::INT8: return nb::dtype<int8_t>();
    case Type::INT16: return nb::dtype<int16_t>();
    case Type::INT32: return nb::dtype<int32_t>();
    case Type::INT64: return nb::dtype<int64_t>();
    case Type::UINT8: return nb::dtype<uint8_t>();
    case Type::UINT16: return nb::dtype<uint16_t>();
    case Type::UINT32: return nb::dtype<uint32_t>();
    case Type::UINT64: return nb::dtype<uint64_t>();
    case Type::FLOAT: return nb::dtype<float>();
    case Type::DOUBLE: return nb::dtype<double>();
    default: return {0, 0, 0};
  }
}

nb::object NumpyColumn(const PyBatch& self, int index) {
  const auto column = self.batch->column(index);
  const auto dtype = NumpyTypeOf(*column->type());
  if (dtype.bits == 0 || column->null_count() > 0) {
    throw nb::type_error(("column '" + self.batch->schema()->field(index)->name() + "' of type " + column->type()->ToString() +
                          (column->null_count() > 0 ? " has nulls" : "") + " is not a plain number array").c_str());
  }
  auto* owner = new std::shared_ptr<arrow::ArrayData>(column->data());
  nb::capsule capsule(owner, [](void* held) noexcept { delete static_cast<std::shared_ptr<arrow::ArrayData>*>(held); });
  const auto* values = column->data()->buffers[1]->data() + column->offset() * (dtype.bits / 8);
  const size_t shape[1] = {static_cast<size_t>(column->length())};
  return nb::cast(nb::ndarray<nb::numpy>(const_cast<uint8_t*>(values), 1, shape, capsule, nullptr, dtype));
}

int64_t BytesOf(const arrow::RecordBatch& batch) {
  int64_t bytes = 0;
  for (const auto& column : batch.columns()) {
    for (const auto& buffer : column->data()->buffers) bytes += buffer == nullptr ? 0 : buffer->size();
  }
  return bytes;
}

/// A stream, and where it stands after the batch delivered last.
class PyStream {
 public:
  PyStream(std::unique_ptr<BatchStream> stream, const ExecuteOptions& options)
      : stream_(std::move(stream)), position_(options.resume), rows_(options.rows_delivered) {}

  std::optional<PyBatch> Next() {
    CheckNotLeaving();
    Result<StreamBatch> batch = StreamBatch{};
    {
      const ReleaseGil release;
      batch = stream_->Next([] {
        const AcquireGil acquire;
        if (PyErr_CheckSignals() == 0) return false;
        // Raised again by the caller, once the lanes have been told to stop.
        PyErr_Clear();
        return true;
      });
    }
    if (!batch.ok() && KindOf(batch.status()) == ErrorKind::kCancelled) {
      Close();
      PyErr_SetNone(PyExc_KeyboardInterrupt);
      throw nb::python_error();
    }
    auto taken = ValueOrRaise(std::move(batch));
    if (taken.data == nullptr) return std::nullopt;
    position_ = taken.position;
    rows_ += taken.data->num_rows();
    return PyBatch{std::move(taken.data)};
  }

  nb::dict Position() const {
    nb::dict out;
    out["key"] = position_.key;
    out["ties"] = position_.ties;
    out["rows"] = rows_;
    return out;
  }

  void Close() {
    const ReleaseGil release;
    stream_->Close();
  }

  nb::list Stages() const { return StageDicts(stream_->stages()); }

 private:
  std::unique_ptr<BatchStream> stream_;
  StreamPosition position_;
  int64_t rows_;
};

std::unique_ptr<PyStream> ExecutePlan(const std::shared_ptr<Engine>& engine, const std::shared_ptr<PlanNode>& plan, uint64_t seed, uint64_t epoch,
                                      int64_t batch_size, bool drop_last, int prefetch_batches, bool preserve_order, const nb::object& resume) {
  ExecuteOptions options{seed, epoch, batch_size, drop_last, prefetch_batches, preserve_order, !resume.is_none(), {}, 0};
  if (options.has_resume) {
    const auto state = nb::cast<nb::dict>(resume);
    options.resume = {nb::cast<uint64_t>(state["key"]), nb::cast<int64_t>(state["ties"])};
    options.rows_delivered = nb::cast<int64_t>(state["rows"]);
    options.has_resume = options.rows_delivered > 0;
  }
  CheckNotLeaving();
  Result<std::unique_ptr<BatchStream>> stream = nullptr;
  {
    const ReleaseGil release;
    stream = Execute(engine, plan, options);
  }
  return std::make_unique<PyStream>(ValueOrRaise(std::move(stream)), options);
}

}  // namespace

void RegisterStream(nb::module_& module) {
  nb::class_<PyBatch>(module, "Batch")
      .def_prop_ro("num_rows", [](const PyBatch& self) { return self.batch->num_rows(); })
      .def_prop_ro("num_columns", [](const PyBatch& self) { return self.batch->num_columns(); })
      .def_prop_ro("nbytes", [](const PyBatch& self) { return BytesOf(*self.batch); })
      .def_prop_ro("names", [](const PyBatch& self) { return self.batch->schema()->field_names(); })
      .def("__arrow_c_array__", [](const PyBatch& self, const nb::object&) { return ExportBatch(*self.batch); }, nb::arg("requested_schema") = nb::none())
      .def("__arrow_c_schema__", [](const PyBatch& self) { return ExportSchema(*self.batch->schema()); })
      .def("column_kind", [](const PyBatch& self, int index) { return self.batch->column(index)->type()->ToString(); })
      .def("null_count", [](const PyBatch& self, int index) { return self.batch->column(index)->null_count(); })
      .def("numpy", &NumpyColumn)
      .def("pylist", [](const PyBatch& self, int index) { return PythonValues(*self.batch->column(index)); })
      .def("slice", [](const PyBatch& self, int64_t begin, int64_t count) { return PyBatch{self.batch->Slice(begin, count)}; });
  nb::class_<PyStream>(module, "Stream")
      .def("next", &PyStream::Next)
      .def("position", &PyStream::Position)
      .def("close", &PyStream::Close)
      .def("stages", &PyStream::Stages);
  module.def("execute", &ExecutePlan, nb::arg("engine"), nb::arg("plan"), nb::kw_only(), nb::arg("seed"), nb::arg("epoch"), nb::arg("batch_size"),
             nb::arg("drop_last"), nb::arg("prefetch_batches"), nb::arg("preserve_order"), nb::arg("resume") = nb::none());
}

}  // namespace millstream
