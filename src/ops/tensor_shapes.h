#pragma once
/// Columns of tensors of one shape (Arrow's fixed_shape_tensor) as tensors of several (variable_shape_tensor).
///
/// What a function returns for one batch may happen to be of one shape, and for the next of several.

#include <arrow/array.h>
#include <arrow/type.h>

#include <memory>

#include "base/status.h"

namespace millstream {

/// Whether it is one of the two types.
bool IsTensor(const arrow::DataType& type);

/// The type of tensors of several shapes that both fit; null where one is no tensor, values or numbers of axes differ, or axes are stored in another order.
std::shared_ptr<arrow::DataType> CommonTensorType(const arrow::DataType& first, const arrow::DataType& second);

/// The column as `type`, which CommonTensorType gave for it; values are shared. kInvalidArgument for more values than a list holds.
Result<std::shared_ptr<arrow::Array>> WithVariableShape(const std::shared_ptr<arrow::Array>& column, const std::shared_ptr<arrow::DataType>& type,
                                                        arrow::MemoryPool* pool);

}  // namespace millstream
