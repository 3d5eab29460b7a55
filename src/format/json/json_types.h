#pragma once
/// The types of JSON values, as some of the rows tell.

#include <arrow/type.h>

#include <memory>
#include <string>

#include "base/status.h"

namespace millstream {

/// The type that values of both are: the wider one of numbers, text for times and other text, all fields of two objects, the same of what is in lists. kType where there is
/// none; `name` is for its message.
Result<std::shared_ptr<arrow::DataType>> CommonJsonType(const std::string& name, const std::shared_ptr<arrow::DataType>& a, const std::shared_ptr<arrow::DataType>& b);

/// Those of all fields, in order of first appearance.
Result<arrow::FieldVector> CommonJsonFields(const std::string& name, arrow::FieldVector a, const arrow::FieldVector& b);

}  // namespace millstream
