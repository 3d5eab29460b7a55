#include <arrow/type.h>
#include <arrow/util/checked_cast.h>

#include <utility>

#include "column/gather.h"

namespace millstream {
namespace {

using arrow::DataType;
using arrow::Type;
using TypePtr = std::shared_ptr<DataType>;

TypePtr WithFields(const DataType& type, arrow::FieldVector fields) {
  switch (type.id()) {
    case Type::LIST: return arrow::list(fields[0]);
    case Type::LARGE_LIST: return arrow::large_list(fields[0]);
    case Type::LIST_VIEW: return arrow::list_view(fields[0]);
    case Type::LARGE_LIST_VIEW: return arrow::large_list_view(fields[0]);
    case Type::FIXED_SIZE_LIST:
      return arrow::fixed_size_list(fields[0], static_cast<const arrow::FixedSizeListType&>(type).list_size());
    case Type::STRUCT: return arrow::struct_(std::move(fields));
    case Type::MAP:
      return std::make_shared<arrow::MapType>(fields[0], static_cast<const arrow::MapType&>(type).keys_sorted());
    case Type::SPARSE_UNION:
      return arrow::sparse_union(std::move(fields), static_cast<const arrow::UnionType&>(type).type_codes());
    default: return arrow::dense_union(std::move(fields), static_cast<const arrow::UnionType&>(type).type_codes());
  }
}

TypePtr NestedStorageType(const TypePtr& type) {
  arrow::FieldVector fields;
  bool changed = false;
  for (const auto& field : type->fields()) {
    auto storage = StorageType(field->type());
    changed |= storage != field->type();
    fields.push_back(storage == field->type() ? field : field->WithType(std::move(storage)));
  }
  return changed ? WithFields(*type, std::move(fields)) : type;
}

}  // namespace

TypePtr StorageType(const TypePtr& type) {
  switch (type->id()) {
    case Type::EXTENSION: return StorageType(static_cast<const arrow::ExtensionType&>(*type).storage_type());
    case Type::DICTIONARY: return StorageType(static_cast<const arrow::DictionaryType&>(*type).value_type());
    case Type::RUN_END_ENCODED: return StorageType(static_cast<const arrow::RunEndEncodedType&>(*type).value_type());
    default: return type->num_fields() == 0 ? type : NestedStorageType(type);
  }
}

}  // namespace millstream
