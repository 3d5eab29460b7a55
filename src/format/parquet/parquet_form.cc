#include "format/parquet/parquet_form.h"

#include <arrow/compute/api.h>
#include <arrow/extension_type.h>

#include <algorithm>

#include "column/gather.h"

namespace millstream {
namespace {

using arrow::DataType;
using arrow::Type;
using DataPtr = std::shared_ptr<arrow::ArrayData>;
using TypePtr = std::shared_ptr<DataType>;

Result<TypePtr> ParquetType(const TypePtr& type);

/// What an encoding is written as when it cannot be kept: its values, with their extension type where Parquet takes them.
Result<TypePtr> PlainType(const TypePtr& values) {
  ARROW_ASSIGN_OR_RAISE(auto written, ParquetType(values));
  if (written == values) return values;
  return ParquetType(StorageType(values));
}

bool KeepsDictionary(const DataType& values) {
  switch (values.id()) {
    case Type::STRING:
    case Type::BINARY:
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY:
      return true;
    default:
      return false;
  }
}

TypePtr WithFields(const TypePtr& type, arrow::FieldVector fields) {
  switch (type->id()) {
    case Type::LIST: return arrow::list(fields[0]);
    case Type::LARGE_LIST: return arrow::large_list(fields[0]);
    case Type::LIST_VIEW: return arrow::list_view(fields[0]);
    case Type::LARGE_LIST_VIEW: return arrow::large_list_view(fields[0]);
    case Type::FIXED_SIZE_LIST: return arrow::fixed_size_list(fields[0], static_cast<const arrow::FixedSizeListType&>(*type).list_size());
    case Type::MAP: return std::make_shared<arrow::MapType>(fields[0], static_cast<const arrow::MapType&>(*type).keys_sorted());
    default: return arrow::struct_(std::move(fields));
  }
}

Status NoForm(const DataType& type) {
  return MakeError(ErrorKind::kType, "type " + type.ToString() + " has no form in Parquet; cast the column to another type, or drop it");
}

/// Arrow's reader does not put the dictionaries of several row groups together below the top level, and its writer cannot cut a view whose struct may be
/// null.
Result<TypePtr> ChildType(const DataType& parent, const TypePtr& type) {
  if (type->id() == Type::DICTIONARY) return PlainType(static_cast<const arrow::DictionaryType&>(*type).value_type());
  if (parent.id() == Type::STRUCT && type->id() == Type::STRING_VIEW) return arrow::utf8();
  if (parent.id() == Type::STRUCT && type->id() == Type::BINARY_VIEW) return arrow::binary();
  return ParquetType(type);
}

Result<TypePtr> NestedType(const TypePtr& type) {
  if (type->num_fields() == 0) return NoForm(*type);
  arrow::FieldVector fields;
  bool changed = false;
  for (const auto& field : type->fields()) {
    ARROW_ASSIGN_OR_RAISE(auto written, ChildType(*type, field->type()));
    changed |= written != field->type();
    fields.push_back(field->WithType(std::move(written)));
  }
  return changed ? WithFields(type, std::move(fields)) : type;
}

/// An extension over a storage that changes is written as that storage.
Result<TypePtr> ExtensionForm(const TypePtr& type) {
  const auto& storage = static_cast<const arrow::ExtensionType&>(*type).storage_type();
  ARROW_ASSIGN_OR_RAISE(auto written, ParquetType(storage));
  return written == storage ? type : written;
}

Result<TypePtr> ParquetType(const TypePtr& type) {
  switch (type->id()) {
    case Type::EXTENSION: return ExtensionForm(type);
    case Type::DICTIONARY: {
      const auto& values = static_cast<const arrow::DictionaryType&>(*type).value_type();
      return KeepsDictionary(*values) ? Result<TypePtr>(type) : PlainType(values);
    }
    case Type::RUN_END_ENCODED: return PlainType(static_cast<const arrow::RunEndEncodedType&>(*type).value_type());
    case Type::DATE64: return arrow::date32();
    case Type::TIME32: return arrow::time32(arrow::TimeUnit::MILLI);
    case Type::TIMESTAMP: {
      const auto& timestamp = static_cast<const arrow::TimestampType&>(*type);
      return timestamp.unit() == arrow::TimeUnit::SECOND ? arrow::timestamp(arrow::TimeUnit::MILLI, timestamp.timezone()) : type;
    }
    case Type::FIXED_SIZE_BINARY:
      return static_cast<const arrow::FixedSizeBinaryType&>(*type).byte_width() == 0 ? Result<TypePtr>(NoForm(*type)) : type;
    case Type::SPARSE_UNION:
    case Type::DENSE_UNION:
    case Type::INTERVAL_MONTHS:
    case Type::INTERVAL_DAY_TIME:
    case Type::INTERVAL_MONTH_DAY_NANO:
      return NoForm(*type);
    case Type::FIXED_SIZE_LIST:
      // Arrow writes a list of size 0 as one that it cannot read.
      return static_cast<const arrow::FixedSizeListType&>(*type).list_size() == 0 ? Result<TypePtr>(NoForm(*type)) : NestedType(type);
    case Type::LIST:
    case Type::LARGE_LIST:
    case Type::LIST_VIEW:
    case Type::LARGE_LIST_VIEW:
    case Type::MAP:
    case Type::STRUCT:
      return NestedType(type);
    default: return type;
  }
}

Result<DataPtr> Convert(const DataPtr& data, const TypePtr& type, arrow::MemoryPool* pool);

DataPtr Relabelled(const DataPtr& data, const TypePtr& type) {
  auto copy = data->Copy();
  copy->type = type;
  return copy;
}

Result<DataPtr> ConvertChildren(const DataPtr& data, const TypePtr& type, arrow::MemoryPool* pool) {
  auto copy = Relabelled(data, type);
  for (int child = 0; child < type->num_fields(); ++child) {
    ARROW_ASSIGN_OR_RAISE(copy->child_data[child], Convert(data->child_data[child], type->field(child)->type(), pool));
  }
  return copy;
}

Result<DataPtr> CastSafely(const DataPtr& data, const TypePtr& type, arrow::MemoryPool* pool) {
  arrow::compute::ExecContext context(pool);
  context.set_use_threads(false);
  auto cast = arrow::compute::Cast(arrow::Datum(data), arrow::compute::CastOptions::Safe(type), &context);
  if (!cast.ok()) {
    return KindOf(cast.status()) == ErrorKind::kBudget ? cast.status() : MakeError(ErrorKind::kInvalidArgument, cast.status().message());
  }
  return cast->array();
}

/// Plain values, then the extension type of the values, then what they are written as.
Result<DataPtr> Decode(const DataPtr& data, const TypePtr& values, const TypePtr& type, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto stored, ToStorage(data, pool));
  if (!values->Equals(*type)) return Convert(stored, type, pool);
  return FromStorage(stored, values, pool);
}

Result<DataPtr> Convert(const DataPtr& data, const TypePtr& type, arrow::MemoryPool* pool) {
  if (data->type->Equals(*type)) return data;
  switch (data->type->id()) {
    case Type::EXTENSION: return Convert(Relabelled(data, static_cast<const arrow::ExtensionType&>(*data->type).storage_type()), type, pool);
    case Type::DICTIONARY: return Decode(data, static_cast<const arrow::DictionaryType&>(*data->type).value_type(), type, pool);
    case Type::RUN_END_ENCODED: return Decode(data, static_cast<const arrow::RunEndEncodedType&>(*data->type).value_type(), type, pool);
    case Type::DATE64:
    case Type::TIME32:
    case Type::TIMESTAMP:
    case Type::STRING_VIEW:
    case Type::BINARY_VIEW:
      return CastSafely(data, type, pool);
    default: return ConvertChildren(data, type, pool);
  }
}

/// Arrow's writer takes a null only as a null code.
bool HasNullInDictionary(const arrow::ArrayData& data) {
  if (data.dictionary != nullptr && data.dictionary->GetNullCount() > 0) return true;
  return std::any_of(data.child_data.begin(), data.child_data.end(), [](const DataPtr& child) { return HasNullInDictionary(*child); });
}

/// Without the values that no row has, and with nulls as null codes: a cast of a child must not fail because of them.
Result<DataPtr> Canonical(const DataPtr& data, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto stored, ToStorage(data, pool));
  ARROW_ASSIGN_OR_RAISE(stored, Concatenate({stored}, stored->type, pool));
  return FromStorage(stored, data->type, pool);
}

}  // namespace

Result<std::shared_ptr<arrow::Schema>> ParquetSchema(const arrow::Schema& schema) {
  if (schema.num_fields() == 0) {
    return MakeError(ErrorKind::kInvalidArgument, "A Parquet file needs at least one column: rows without columns would be lost");
  }
  arrow::FieldVector fields;
  for (const auto& field : schema.fields()) {
    auto written = ParquetType(field->type());
    if (!written.ok()) return WithContext(written.status(), "column '" + field->name() + "'");
    fields.push_back(field->WithType(std::move(*written)));
  }
  return arrow::schema(std::move(fields), schema.metadata());
}

Result<DataPtr> ToParquetForm(const DataPtr& data, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(const auto type, ParquetType(data->type));
  const bool same = data->type->Equals(*type);
  const bool renumber = HasNullInDictionary(*data);
  if (same && !renumber) return data;
  if (data->type->num_fields() == 0 && !renumber) return Convert(data, type, pool);
  ARROW_ASSIGN_OR_RAISE(const auto canonical, Canonical(data, pool));
  return Convert(canonical, type, pool);
}

}  // namespace millstream
