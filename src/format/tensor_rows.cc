#include "format/tensor_rows.h"

#include <arrow/array/array_nested.h>
#include <arrow/array/array_primitive.h>
#include <arrow/extension/fixed_shape_tensor.h>
#include <arrow/extension/variable_shape_tensor.h>
#include <arrow/util/checked_cast.h>

#include "ops/tensor_shapes.h"

namespace millstream {
namespace {

using arrow::Type;
using arrow::internal::checked_cast;

bool IsNumber(const arrow::DataType& type) { return arrow::is_integer(type.id()) || arrow::is_floating(type.id()) || type.id() == Type::BOOL; }

bool IsVariable(const arrow::DataType& type) { return checked_cast<const arrow::ExtensionType&>(type).extension_name() == "arrow.variable_shape_tensor"; }

int64_t Product(const std::vector<int64_t>& shape) {
  int64_t product = 1;
  for (const int64_t length : shape) product *= length;
  return product;
}

int64_t ListBegin(const arrow::Array& lists, int64_t row) {
  return lists.type_id() == Type::LIST ? checked_cast<const arrow::ListArray&>(lists).value_offset(row) : checked_cast<const arrow::LargeListArray&>(lists).value_offset(row);
}

int64_t ListLength(const arrow::Array& lists, int64_t row) {
  return lists.type_id() == Type::LIST ? checked_cast<const arrow::ListArray&>(lists).value_length(row) : checked_cast<const arrow::LargeListArray&>(lists).value_length(row);
}

}  // namespace

std::shared_ptr<arrow::DataType> TensorRows::ValueType(const arrow::DataType& type) {
  std::shared_ptr<arrow::DataType> values;
  if (IsTensor(type)) {
    values = IsVariable(type) ? checked_cast<const arrow::extension::VariableShapeTensorType&>(type).value_type()
                              : checked_cast<const arrow::extension::FixedShapeTensorType&>(type).value_type();
  } else if (type.id() == Type::LIST || type.id() == Type::LARGE_LIST) {
    values = type.field(0)->type();
  } else {
    values = type.GetSharedPtr();
    while (values->id() == Type::FIXED_SIZE_LIST) values = values->field(0)->type();
  }
  return IsNumber(*values) ? values : nullptr;
}

Result<TensorRows> TensorRows::Make(const std::shared_ptr<arrow::Array>& column) {
  const auto& type = *column->type();
  if (ValueType(type) == nullptr) return MakeError(ErrorKind::kType, "values of type " + type.ToString() + " are neither numbers nor tensors of numbers");
  TensorRows rows;
  rows.column_ = column;
  rows.values_ = column;
  if (IsTensor(type)) {
    const auto storage = checked_cast<const arrow::ExtensionArray&>(*column).storage();
    if (IsVariable(type)) {
      const auto& parts = checked_cast<const arrow::StructArray&>(*storage);
      rows.lists_ = parts.field(0);
      rows.lengths_ = parts.field(1);
      rows.values_ = checked_cast<const arrow::ListArray&>(*rows.lists_).values();
      return rows;
    }
    rows.shape_ = checked_cast<const arrow::extension::FixedShapeTensorType&>(type).shape();
    const auto& lists = checked_cast<const arrow::FixedSizeListArray&>(*storage);
    rows.values_ = lists.values()->Slice(lists.value_offset(0));
    return rows;
  }
  if (type.id() == Type::LIST || type.id() == Type::LARGE_LIST) {
    rows.lists_ = column;
    rows.values_ = type.id() == Type::LIST ? checked_cast<const arrow::ListArray&>(*column).values() : checked_cast<const arrow::LargeListArray&>(*column).values();
    return rows;
  }
  while (rows.values_->type_id() == Type::FIXED_SIZE_LIST) {
    const auto lists = std::static_pointer_cast<arrow::FixedSizeListArray>(rows.values_);
    rows.shape_.push_back(lists->list_type()->list_size());
    rows.values_ = lists->values()->Slice(lists->value_offset(0));
  }
  return rows;
}

int64_t TensorRows::begin(int64_t row) const { return lists_ != nullptr ? ListBegin(*lists_, row) : row * Product(shape_); }

std::vector<int64_t> TensorRows::shape(int64_t row) const {
  if (lengths_ != nullptr) {
    const auto& lists = checked_cast<const arrow::FixedSizeListArray&>(*lengths_);
    const auto& lengths = checked_cast<const arrow::Int32Array&>(*lists.values());
    std::vector<int64_t> shape;
    for (int64_t axis = 0; axis < lists.list_type()->list_size(); ++axis) shape.push_back(lengths.Value(lists.value_offset(row) + axis));
    return shape;
  }
  return lists_ != nullptr ? std::vector<int64_t>{ListLength(*lists_, row)} : shape_;
}

}  // namespace millstream
