#include "format/json/json_types.h"

#include <algorithm>

namespace millstream {
namespace {

using arrow::Type;

bool Are(const arrow::DataType& a, const arrow::DataType& b, Type::type one, Type::type other) {
  return (a.id() == one && b.id() == other) || (a.id() == other && b.id() == one);
}

}  // namespace

Result<std::shared_ptr<arrow::DataType>> CommonJsonType(const std::string& name, const std::shared_ptr<arrow::DataType>& a, const std::shared_ptr<arrow::DataType>& b) {
  if (a->Equals(*b) || b->id() == Type::NA) return a;
  if (a->id() == Type::NA) return b;
  if (Are(*a, *b, Type::INT64, Type::DOUBLE)) return arrow::float64();
  if (Are(*a, *b, Type::TIMESTAMP, Type::STRING)) return arrow::utf8();
  if (Are(*a, *b, Type::TIMESTAMP, Type::TIMESTAMP)) return arrow::utf8();
  if (a->id() == Type::LIST && b->id() == Type::LIST) {
    ARROW_ASSIGN_OR_RAISE(auto values, CommonJsonType(name, a->field(0)->type(), b->field(0)->type()));
    return arrow::list(arrow::field(a->field(0)->name(), std::move(values)));
  }
  if (a->id() == Type::STRUCT && b->id() == Type::STRUCT) {
    ARROW_ASSIGN_OR_RAISE(auto fields, CommonJsonFields(name + ".", a->fields(), b->fields()));
    return arrow::struct_(std::move(fields));
  }
  return MakeError(ErrorKind::kType, "read_json: column '" + name + "' is " + a->ToString() + " in some rows and " + b->ToString() +
                                         " in others; give its type: parse_options=pyarrow.json.ParseOptions(explicit_schema=...)");
}

Result<arrow::FieldVector> CommonJsonFields(const std::string& name, arrow::FieldVector a, const arrow::FieldVector& b) {
  for (const auto& field : b) {
    const auto same = std::find_if(a.begin(), a.end(), [&](const auto& known) { return known->name() == field->name(); });
    if (same == a.end()) {
      a.push_back(field);
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(auto type, CommonJsonType(name + field->name(), (*same)->type(), field->type()));
    *same = arrow::field(field->name(), std::move(type));
  }
  return a;
}

}  // namespace millstream
