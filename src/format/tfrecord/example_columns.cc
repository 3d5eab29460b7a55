#include "format/tfrecord/example_columns.h"

#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_nested.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/util/utf8.h>

namespace millstream {
namespace {

std::shared_ptr<arrow::DataType> ValueType(FeatureKind kind) {
  switch (kind) {
    case FeatureKind::kBytes: return arrow::binary();
    case FeatureKind::kFloat: return arrow::float32();
    case FeatureKind::kInt: return arrow::int64();
    default: return arrow::null();
  }
}

const char* NameOf(FeatureKind kind) { return kind == FeatureKind::kBytes ? "bytes" : kind == FeatureKind::kFloat ? "floats" : "integers"; }

FeatureKind KindOfType(const arrow::DataType& type) {
  const arrow::DataType& value = type.id() == arrow::Type::LIST ? *type.field(0)->type() : type;
  switch (value.id()) {
    case arrow::Type::BINARY: return FeatureKind::kBytes;
    case arrow::Type::FLOAT: return FeatureKind::kFloat;
    case arrow::Type::INT64: return FeatureKind::kInt;
    default: return FeatureKind::kNone;
  }
}

Result<size_t> CountOf(const Feature& feature) {
  std::vector<std::string_view> bytes;
  std::vector<float> floats;
  std::vector<int64_t> ints;
  if (feature.kind == FeatureKind::kBytes) ARROW_RETURN_NOT_OK(BytesOf(feature, &bytes));
  if (feature.kind == FeatureKind::kFloat) ARROW_RETURN_NOT_OK(FloatsOf(feature, &floats));
  if (feature.kind == FeatureKind::kInt) ARROW_RETURN_NOT_OK(IntsOf(feature, &ints));
  return bytes.size() + floats.size() + ints.size();
}

}  // namespace

Status AddShape(std::string_view name, FeatureShape shape, FeatureShapes* shapes) {
  arrow::util::InitializeUTF8();
  if (!arrow::util::ValidateUTF8(name)) return Status::Invalid("it has a feature whose name is not UTF-8");
  FeatureShape& known = shapes->try_emplace(std::string(name)).first->second;
  if (known.kind != FeatureKind::kNone && shape.kind != FeatureKind::kNone && known.kind != shape.kind) {
    return Status::Invalid("its feature '", name, "' has ", NameOf(shape.kind), ", where others have ", NameOf(known.kind));
  }
  if (shape.kind != FeatureKind::kNone) known.kind = shape.kind;
  known.is_list |= shape.is_list;
  return Status::OK();
}

Status AddExample(std::string_view record, int64_t features_max, FeatureShapes* shapes) {
  ARROW_ASSIGN_OR_RAISE(const auto features, ParseExample(record, features_max));
  for (const Feature& feature : features) {
    ARROW_ASSIGN_OR_RAISE(const size_t count, CountOf(feature));
    // Some writers leave lists without values for what is missing, whatever its kind.
    ARROW_RETURN_NOT_OK(AddShape(feature.name, {count == 0 ? FeatureKind::kNone : feature.kind, count > 1}, shapes));
  }
  return Status::OK();
}

std::shared_ptr<arrow::Schema> SchemaOf(const FeatureShapes& shapes) {
  arrow::FieldVector fields;
  for (const auto& [name, shape] : shapes) {
    const auto type = ValueType(shape.kind);
    fields.push_back(arrow::field(name, shape.is_list ? arrow::list(type) : type));
  }
  return arrow::schema(std::move(fields));
}

Result<ExampleBuilder> ExampleBuilder::Make(std::shared_ptr<arrow::Schema> schema, bool has_all_columns, int64_t features_max, arrow::MemoryPool* pool) {
  ExampleBuilder examples(std::move(schema), has_all_columns, features_max);
  for (const auto& field : examples.schema_->fields()) {
    examples.by_name_.emplace(field->name(), static_cast<int>(examples.builders_.size()));
    examples.builders_.emplace_back();
    ARROW_RETURN_NOT_OK(arrow::MakeBuilder(pool, field->type(), &examples.builders_.back()));
  }
  return examples;
}

template <typename Builder, typename Value>
Status ExampleBuilder::Append(int column, const Feature& feature, const std::vector<Value>& values) {
  arrow::ArrayBuilder* builder = builders_[static_cast<size_t>(column)].get();
  if (builder->type()->id() != arrow::Type::LIST) {
    if (values.empty()) return builder->AppendNull();
    if (values.size() == 1) return static_cast<Builder*>(builder)->Append(values.front());
    return Status::Invalid("its feature '", feature.name, "' has ", values.size(), " values, where others have one");
  }
  auto* lists = static_cast<arrow::ListBuilder*>(builder);
  ARROW_RETURN_NOT_OK(lists->Append());
  auto* list = static_cast<Builder*>(lists->value_builder());
  ARROW_RETURN_NOT_OK(list->Reserve(static_cast<int64_t>(values.size())));
  for (const Value& value : values) ARROW_RETURN_NOT_OK(list->Append(value));
  return Status::OK();
}

Status ExampleBuilder::AddValue(int column, const Feature& feature) {
  const FeatureKind wanted = KindOfType(*schema_->field(column)->type());
  if (feature.kind != wanted || feature.kind == FeatureKind::kNone) {
    ARROW_ASSIGN_OR_RAISE(const size_t count, CountOf(feature));
    if (count == 0) return builders_[static_cast<size_t>(column)]->AppendNull();
    return Status::Invalid("its feature '", feature.name, "' has ", NameOf(feature.kind), ", where others have ", wanted == FeatureKind::kNone ? "nothing" : NameOf(wanted));
  }
  if (wanted == FeatureKind::kBytes) {
    std::vector<std::string_view> values;
    ARROW_RETURN_NOT_OK(BytesOf(feature, &values));
    return Append<arrow::BinaryBuilder>(column, feature, values);
  }
  if (wanted == FeatureKind::kFloat) {
    std::vector<float> values;
    ARROW_RETURN_NOT_OK(FloatsOf(feature, &values));
    return Append<arrow::FloatBuilder>(column, feature, values);
  }
  std::vector<int64_t> values;
  ARROW_RETURN_NOT_OK(IntsOf(feature, &values));
  return Append<arrow::Int64Builder>(column, feature, values);
}

Status ExampleBuilder::Add(std::string_view record) {
  ARROW_ASSIGN_OR_RAISE(const auto features, ParseExample(record, features_max_));
  for (const Feature& feature : features) {
    const auto column = by_name_.find(feature.name);
    if (column != by_name_.end()) ARROW_RETURN_NOT_OK(AddValue(column->second, feature));
    else if (has_all_columns_) return Status::Invalid("it has a feature '", feature.name, "', which none of the records looked at has");
  }
  ++rows_;
  for (auto& builder : builders_) {
    if (builder->length() < rows_) ARROW_RETURN_NOT_OK(builder->AppendNull());
  }
  return Status::OK();
}

Result<std::shared_ptr<arrow::RecordBatch>> ExampleBuilder::Finish() {
  arrow::ArrayVector columns;
  for (auto& builder : builders_) {
    ARROW_ASSIGN_OR_RAISE(auto column, builder->Finish());
    columns.push_back(column->length() > rows_ ? column->Slice(0, rows_) : std::move(column));
  }
  return arrow::RecordBatch::Make(schema_, std::exchange(rows_, 0), std::move(columns));
}

}  // namespace millstream
