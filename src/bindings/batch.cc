#include "bindings/batch.h"

#include <arrow/array.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings/arrow_capsules.h"
#include "bindings/errors.h"
#include "bindings/python_values.h"
#include "bindings/register.h"

namespace nb = nanobind;

namespace millstream {
namespace {

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

/// The type of a plain number array's values; of no bits for a column of another type, or with nulls.
nb::dlpack::dtype PlainTypeOf(const arrow::ArrayData& column) {
  const auto dtype = NumpyTypeOf(*column.type);
  return dtype.bits > 0 && column.GetNullCount() > 0 ? nb::dlpack::dtype{0, 0, 0} : dtype;
}

/// None for a column that is no plain number array.
nb::object PlainColumn(const PyBatch& self, int index) {
  const auto& column = self.batch->column_data(index);
  const auto dtype = PlainTypeOf(*column);
  if (dtype.bits == 0) return nb::none();
  auto* owner = new std::shared_ptr<arrow::Buffer>(column->buffers[1]);
  nb::capsule capsule(owner, [](void* held) noexcept { delete static_cast<std::shared_ptr<arrow::Buffer>*>(held); });
  const auto* values = (*owner)->data() + column->offset * (dtype.bits / 8);
  const size_t shape[1] = {static_cast<size_t>(column->length)};
  // What the engine did not allocate for this batch may be someone else's table.
  if (!(*owner)->is_mutable()) return nb::cast(nb::ndarray<nb::numpy, nb::ro>(values, 1, shape, capsule, nullptr, dtype));
  return nb::cast(nb::ndarray<nb::numpy>(const_cast<uint8_t*>(values), 1, shape, capsule, nullptr, dtype));
}

nb::object NumpyColumn(const PyBatch& self, int index) {
  auto array = PlainColumn(self, index);
  if (!array.is_none()) return array;
  const auto column = self.batch->column(index);
  throw nb::type_error(("column '" + self.batch->schema()->field(index)->name() + "' of type " + column->type()->ToString() +
                        (column->null_count() > 0 ? " has nulls" : "") + " is not a plain number array").c_str());
}

nb::list PlainColumns(const PyBatch& self) {
  nb::list arrays;
  for (int column = 0; column < self.batch->num_columns(); ++column) arrays.append(PlainColumn(self, column));
  return arrays;
}

/// A plain number column in the form of DLPack: what any framework takes without copying, and gives back on any thread without the GIL.
struct DlpackColumn {
  struct {
    nb::dlpack::dltensor tensor;
    void* context;
    void (*deleter)(void*);
  } managed;  // laid out as a DLManagedTensor
  int64_t length;
  std::shared_ptr<arrow::Buffer> values;
};

constexpr const char* kDlpackName = "dltensor";  // renamed by whoever takes the tensor over

void EndDlpack(PyObject* capsule) {
  if (PyCapsule_IsValid(capsule, kDlpackName)) delete static_cast<DlpackColumn*>(PyCapsule_GetPointer(capsule, kDlpackName));
}

nb::list DlpackColumns(const PyBatch& self) {
  nb::list capsules;
  for (int index = 0; index < self.batch->num_columns(); ++index) {
    const auto& column = self.batch->column_data(index);
    const auto dtype = PlainTypeOf(*column);
    // A tensor may be written to, so not what may be someone else's table.
    if (dtype.bits == 0 || column->length == 0 || !column->buffers[1]->is_mutable()) {
      capsules.append(nb::none());
      continue;
    }
    auto made = std::make_unique<DlpackColumn>();
    made->length = column->length;
    made->values = column->buffers[1];
    auto& tensor = made->managed.tensor;
    tensor.data = made->values->mutable_data() + column->offset * (dtype.bits / 8);
    tensor.device = {nb::device::cpu::value, 0};
    tensor.ndim = 1;
    tensor.dtype = dtype;
    tensor.shape = &made->length;
    made->managed.context = made.get();
    made->managed.deleter = [](void* managed) { delete reinterpret_cast<DlpackColumn*>(managed); };
    capsules.append(nb::steal(PyCapsule_New(made.get(), kDlpackName, EndDlpack)));
    made.release();
  }
  return capsules;
}

bool HasSchema(const PyBatch& self, const PySchema& schema) {
  return self.batch->schema() == schema.schema || self.batch->schema()->Equals(*schema.schema);
}

PyBatch Select(const PyBatch& self, const std::vector<int>& indices) { return PyBatch{ValueOrRaise(self.batch->SelectColumns(indices))}; }

int64_t BytesOf(const arrow::RecordBatch& batch) {
  int64_t bytes = 0;
  for (int column = 0; column < batch.num_columns(); ++column) {
    for (const auto& buffer : batch.column_data(column)->buffers) bytes += buffer == nullptr ? 0 : buffer->size();
  }
  return bytes;
}

}  // namespace

void RegisterBatch(nb::module_& module) {
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
      .def("plain_columns", &PlainColumns)
      .def("dlpack_columns", &DlpackColumns)
      .def_prop_ro("schema", [](const PyBatch& self) { return PySchema{self.batch->schema()}; })
      .def("has_schema", &HasSchema)
      .def("pylist", [](const PyBatch& self, int index) { return PythonValues(*self.batch->column(index)); })
      .def("select", &Select, nb::arg("indices"))
      .def("slice", [](const PyBatch& self, int64_t begin, int64_t count) { return PyBatch{self.batch->Slice(begin, count)}; });
}

}  // namespace millstream
