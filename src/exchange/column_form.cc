#include "exchange/column_form.h"

namespace millstream {

int FlatWidth(const arrow::DataType& type) {
  using arrow::Type;
  switch (type.id()) {
    case Type::INT32:
    case Type::UINT32:
    case Type::FLOAT:
    case Type::DATE32:
    case Type::TIME32:
      return 4;
    case Type::INT64:
    case Type::UINT64:
    case Type::DOUBLE:
    case Type::DATE64:
    case Type::TIME64:
    case Type::TIMESTAMP:
    case Type::DURATION:
      return 8;
    default:
      return 0;
  }
}

std::vector<int> FlatWidths(const arrow::Schema& schema) {
  std::vector<int> widths;
  for (const auto& field : schema.fields()) widths.push_back(FlatWidth(*field->type()));
  return widths;
}

}  // namespace millstream
