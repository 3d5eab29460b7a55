#include "ops/tensor_shapes.h"

#include <arrow/array/builder_primitive.h>
#include <arrow/extension/fixed_shape_tensor.h>
#include <arrow/extension/variable_shape_tensor.h>
#include <arrow/util/bitmap_ops.h>
#include <arrow/util/checked_cast.h>

#include <limits>
#include <optional>
#include <vector>

namespace millstream {
namespace {

namespace extension = arrow::extension;
using arrow::internal::checked_cast;

struct Tensor {
  std::shared_ptr<arrow::DataType> values;
  int32_t axes;
};

bool IsInOrder(const std::vector<int64_t>& permutation) {
  for (size_t axis = 0; axis < permutation.size(); ++axis) {
    if (permutation[axis] != static_cast<int64_t>(axis)) return false;
  }
  return true;
}

const std::string* ExtensionName(const arrow::DataType& type, std::string* name) {
  if (type.id() != arrow::Type::EXTENSION) return nullptr;
  *name = checked_cast<const arrow::ExtensionType&>(type).extension_name();
  return name;
}

std::optional<Tensor> TensorOf(const arrow::DataType& type) {
  std::string name;
  if (ExtensionName(type, &name) == nullptr) return std::nullopt;
  if (name == "arrow.fixed_shape_tensor") {
    const auto& fixed = checked_cast<const extension::FixedShapeTensorType&>(type);
    if (IsInOrder(fixed.permutation())) return Tensor{fixed.value_type(), static_cast<int32_t>(fixed.ndim())};
  } else if (name == "arrow.variable_shape_tensor") {
    const auto& variable = checked_cast<const extension::VariableShapeTensorType&>(type);
    if (IsInOrder(variable.permutation())) return Tensor{variable.value_type(), variable.ndim()};
  }
  return std::nullopt;
}

/// 0, size, 2 size and so on, one more than rows.
Result<std::shared_ptr<arrow::Buffer>> EvenOffsets(int64_t rows, int64_t size, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer, arrow::AllocateBuffer((rows + 1) * static_cast<int64_t>(sizeof(int32_t)), pool));
  auto* offsets = buffer->mutable_data_as<int32_t>();
  for (int64_t row = 0; row <= rows; ++row) offsets[row] = static_cast<int32_t>(row * size);
  return buffer;
}

Result<std::shared_ptr<arrow::Array>> RepeatedShape(const std::vector<int64_t>& shape, int64_t rows, arrow::MemoryPool* pool) {
  arrow::Int32Builder builder(pool);
  ARROW_RETURN_NOT_OK(builder.Reserve(rows * static_cast<int64_t>(shape.size())));
  for (int64_t row = 0; row < rows; ++row) {
    for (const int64_t length : shape) builder.UnsafeAppend(static_cast<int32_t>(length));
  }
  return builder.Finish();
}

}  // namespace

bool IsTensor(const arrow::DataType& type) {
  std::string name;
  return ExtensionName(type, &name) != nullptr && (name == "arrow.fixed_shape_tensor" || name == "arrow.variable_shape_tensor");
}

std::shared_ptr<arrow::DataType> CommonTensorType(const arrow::DataType& first, const arrow::DataType& second) {
  const auto one = TensorOf(first);
  const auto other = TensorOf(second);
  if (!one.has_value() || !other.has_value() || one->axes != other->axes || !one->values->Equals(*other->values)) return nullptr;
  return extension::variable_shape_tensor(one->values, one->axes);
}

Result<std::shared_ptr<arrow::Array>> WithVariableShape(const std::shared_ptr<arrow::Array>& column, const std::shared_ptr<arrow::DataType>& type,
                                                        arrow::MemoryPool* pool) {
  if (column->type()->Equals(*type)) return column;
  const auto& stored = *checked_cast<const arrow::ExtensionArray&>(*column).storage();
  if (checked_cast<const arrow::ExtensionType&>(*column->type()).extension_name() == "arrow.variable_shape_tensor") {
    // The same in all but names of axes.
    ARROW_ASSIGN_OR_RAISE(auto same, stored.View(checked_cast<const arrow::ExtensionType&>(*type).storage_type()));
    return arrow::ExtensionType::WrapArray(type, std::move(same));
  }
  const auto& storage = checked_cast<const arrow::FixedSizeListArray&>(stored);
  const int64_t rows = storage.length();
  const int64_t size = checked_cast<const arrow::FixedSizeListType&>(*storage.type()).list_size();
  if (rows * size > std::numeric_limits<int32_t>::max()) {
    return MakeError(ErrorKind::kInvalidArgument, "a batch of tensors of several shapes holds at most 2**31 - 1 values; return smaller batches");
  }
  const auto& fields = checked_cast<const arrow::ExtensionType&>(*type).storage_type()->fields();
  ARROW_ASSIGN_OR_RAISE(auto offsets, EvenOffsets(rows, size, pool));
  ARROW_ASSIGN_OR_RAISE(const auto lengths, RepeatedShape(checked_cast<const extension::FixedShapeTensorType&>(*column->type()).shape(), rows, pool));
  const auto values = storage.values()->Slice(storage.offset() * size, rows * size);
  const auto data = std::make_shared<arrow::ListArray>(fields[0]->type(), rows, std::move(offsets), values);
  const auto shapes = std::make_shared<arrow::FixedSizeListArray>(fields[1]->type(), rows, lengths);
  std::shared_ptr<arrow::Buffer> validity;
  if (storage.null_count() > 0) {
    ARROW_ASSIGN_OR_RAISE(validity, arrow::internal::CopyBitmap(pool, storage.null_bitmap_data(), storage.offset(), rows));
  }
  const auto tensors = std::make_shared<arrow::StructArray>(arrow::struct_(fields), rows, arrow::ArrayVector{data, shapes}, std::move(validity), storage.null_count());
  return arrow::ExtensionType::WrapArray(type, tensors);
}

}  // namespace millstream
