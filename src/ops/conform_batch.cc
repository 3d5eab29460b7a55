#include "ops/conform_batch.h"

#include <arrow/array/util.h>
#include <arrow/compute/cast.h>
#include <arrow/type.h>

#include "ops/tensor_shapes.h"

namespace millstream {
namespace {

constexpr const char* kRemedy = "return the same columns and types from every call, for instance with .astype() or pyarrow's cast()";

constexpr const char* kTensorRemedy = "return arrays of one shape from every call, for instance pad them, or lists, values.tolist(), whose lengths may differ";

constexpr const char* kDataSetsRemedy = "bring them to one type before, for instance with_column('x', col('x').cast(...))";

Status Changed(const std::string& stage, const std::string& column, const arrow::DataType& before, const arrow::DataType& now) {
  if (stage == kUnionStage || stage == kMixStage) {
    return MakeError(ErrorKind::kType, std::string(stage == kUnionStage ? "union" : "mix") + ": column '" + column + "' is " + before.ToString() + " in one data set and " + now.ToString() + " in another; " + kDataSetsRemedy);
  }
  const char* remedy = IsTensor(before) && IsTensor(now) ? kTensorRemedy : kRemedy;
  return MakeError(ErrorKind::kType,
                   stage + ": column '" + column + "' was " + before.ToString() + " in an earlier batch and is " + now.ToString() + " in a later one; " + remedy);
}

arrow::Field::MergeOptions Widening() {
  auto options = arrow::Field::MergeOptions::Permissive();
  options.promote_integer_to_decimal = false;
  options.promote_decimal_to_float = false;
  options.promote_dictionary = false;
  return options;
}

/// Whether the target has all fields of the type's structs, at any depth: a cast drops others without a word.
bool HasAllFields(const arrow::DataType& target, const arrow::DataType& type) {
  if (target.id() == arrow::Type::STRUCT && type.id() == arrow::Type::STRUCT) {
    for (const auto& field : type.fields()) {
      const auto kept = static_cast<const arrow::StructType&>(target).GetFieldByName(field->name());
      if (kept == nullptr || !HasAllFields(*kept->type(), *field->type())) return false;
    }
    return true;
  }
  if (target.num_fields() != type.num_fields()) return true;
  for (int child = 0; child < type.num_fields(); ++child) {
    if (!HasAllFields(*target.field(child)->type(), *type.field(child)->type())) return false;
  }
  return true;
}

/// Whether values of one type may be cast to the other where none changes: texts that look like numbers are no numbers.
bool GoTogether(const arrow::DataType& type, const arrow::Field& field) {
  const auto is_number = [](const arrow::DataType& of) { return arrow::is_numeric(of.id()) || arrow::is_decimal(of.id()); };
  const arrow::DataType& values = type.id() == arrow::Type::DICTIONARY ? *static_cast<const arrow::DictionaryType&>(type).value_type() : type;
  if (is_number(values) && is_number(*field.type())) return true;
  return HasAllFields(*field.type(), values) && field.MergeWith(*field.WithType(values.GetSharedPtr()), Widening()).ok();
}

Result<std::shared_ptr<arrow::Array>> ConformColumn(const std::string& stage, const arrow::RecordBatch& batch, const arrow::Field& field, arrow::MemoryPool* pool) {
  const int index = batch.schema()->GetFieldIndex(field.name());
  if (index < 0) return arrow::MakeArrayOfNull(field.type(), batch.num_rows(), pool);
  const auto& column = batch.column(index);
  if (column->type()->Equals(*field.type())) return column;
  if (column->type_id() == arrow::Type::NA) return arrow::MakeArrayOfNull(field.type(), batch.num_rows(), pool);
  const auto tensors = CommonTensorType(*column->type(), *field.type());
  if (tensors != nullptr && tensors->Equals(*field.type())) return WithVariableShape(column, tensors, pool);
  if (!GoTogether(*column->type(), field)) return Changed(stage, field.name(), *field.type(), *column->type());
  arrow::compute::ExecContext context(pool);
  auto cast = arrow::compute::Cast(arrow::Datum(column), field.type(), arrow::compute::CastOptions::Safe(), &context);
  if (cast.ok()) return cast->make_array();
  if (cast.status().IsOutOfMemory()) return cast.status();
  return Changed(stage, field.name(), *field.type(), *column->type());
}

}  // namespace

Result<std::shared_ptr<arrow::Schema>> CommonSchema(const std::string& stage, const arrow::Schema& first, const arrow::Schema& second) {
  std::vector<std::shared_ptr<arrow::Field>> fields;
  for (const auto& field : first.fields()) {
    const auto other = second.GetFieldByName(field->name());
    if (other == nullptr || other->type()->Equals(*field->type())) {
      fields.push_back(field);
      continue;
    }
    if (auto tensors = CommonTensorType(*field->type(), *other->type())) {
      fields.push_back(field->WithType(std::move(tensors))->WithNullable(field->nullable() || other->nullable()));
      continue;
    }
    auto merged = field->MergeWith(*other, Widening());
    if (!merged.ok()) return Changed(stage, field->name(), *field->type(), *other->type());
    fields.push_back(*merged);
  }
  for (const auto& field : second.fields()) {
    if (first.GetFieldIndex(field->name()) < 0) fields.push_back(field);
  }
  return arrow::schema(std::move(fields));
}

Result<std::shared_ptr<arrow::RecordBatch>> ConformBatch(const std::string& stage, const std::shared_ptr<arrow::RecordBatch>& batch,
                                                         const std::shared_ptr<arrow::Schema>& schema, arrow::MemoryPool* pool) {
  if (batch->schema()->Equals(*schema, /*check_metadata=*/false)) return batch;
  for (const auto& field : batch->schema()->fields()) {
    if (schema->GetFieldIndex(field->name()) < 0) {
      return MakeError(ErrorKind::kType, stage + ": column '" + field->name() + "' comes only in a later batch; " + kRemedy);
    }
  }
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (const auto& field : schema->fields()) {
    ARROW_ASSIGN_OR_RAISE(auto column, ConformColumn(stage, *batch, *field, pool));
    columns.push_back(std::move(column));
  }
  return arrow::RecordBatch::Make(schema, batch->num_rows(), std::move(columns));
}

}  // namespace millstream
