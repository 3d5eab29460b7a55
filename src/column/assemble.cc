#include "column/assemble.h"

#include <cstring>
#include <utility>

namespace millstream {
namespace {

using arrow::Type;

Part StorageOf(const Part& part) {
  Part storage = part;
  storage.layout = static_cast<const arrow::ExtensionType&>(*part.layout).storage_type();
  return storage;
}

Result<ArrayDataPtr> AssembleDecoded(Result<Decoded> followed, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(const auto decoded, std::move(followed));
  return Assemble(decoded.part, decoded.selection.rows(), pool);
}

Result<int64_t> MeasureDecoded(Result<Decoded> followed, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(const auto decoded, std::move(followed));
  return Measure(decoded.part, decoded.selection.rows(), pool);
}

Part ChildOf(const Part& part, int i) {
  const auto& field = part.layout->field(i);
  return Part{field->type(), part.type->field(i)->type(), {}, field->nullable()};
}

}  // namespace

Result<ArrayDataPtr> Assemble(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  switch (part.layout->id()) {
    case Type::NA: return arrow::ArrayData::Make(part.type, rows.count, {nullptr}, rows.count);
    case Type::BOOL: return AssembleBool(part, rows, pool);
    case Type::STRING:
    case Type::BINARY:
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY: return AssembleBinary(part, rows, pool);
    case Type::STRING_VIEW:
    case Type::BINARY_VIEW: return AssembleView(part, rows, pool);
    case Type::LIST:
    case Type::LARGE_LIST:
    case Type::MAP: return AssembleList(part, rows, pool);
    case Type::LIST_VIEW:
    case Type::LARGE_LIST_VIEW: return AssembleListView(part, rows, pool);
    case Type::FIXED_SIZE_LIST: return AssembleFixedSizeList(part, rows, pool);
    case Type::STRUCT: return AssembleStruct(part, rows, pool);
    case Type::SPARSE_UNION:
    case Type::DENSE_UNION: return AssembleUnion(part, rows, pool);
    case Type::DICTIONARY: return AssembleDecoded(FollowDictionary(part, rows, pool), pool);
    case Type::RUN_END_ENCODED: return AssembleDecoded(FollowRunEnds(part, rows, pool), pool);
    case Type::EXTENSION: return Assemble(StorageOf(part), rows, pool);
    default: return AssembleFixed(part, rows, pool);
  }
}

Result<int64_t> Measure(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  switch (part.layout->id()) {
    case Type::NA: return 0;
    case Type::BOOL: return MeasureBool(part, rows, pool);
    case Type::STRING:
    case Type::BINARY:
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY: return MeasureBinary(part, rows, pool);
    case Type::STRING_VIEW:
    case Type::BINARY_VIEW: return MeasureView(part, rows, pool);
    case Type::LIST:
    case Type::LARGE_LIST:
    case Type::MAP: return MeasureList(part, rows, pool);
    case Type::LIST_VIEW:
    case Type::LARGE_LIST_VIEW: return MeasureListView(part, rows, pool);
    case Type::FIXED_SIZE_LIST: return MeasureFixedSizeList(part, rows, pool);
    case Type::STRUCT: return MeasureStruct(part, rows, pool);
    case Type::SPARSE_UNION:
    case Type::DENSE_UNION: return MeasureUnion(part, rows, pool);
    case Type::DICTIONARY: return MeasureDecoded(FollowDictionary(part, rows, pool), pool);
    case Type::RUN_END_ENCODED: return MeasureDecoded(FollowRunEnds(part, rows, pool), pool);
    case Type::EXTENSION: return Measure(StorageOf(part), rows, pool);
    default: return MeasureFixed(part, rows, pool);
  }
}

Part ChildPart(const Part& part, int i) {
  Part child = ChildOf(part, i);
  for (const auto& source : part.sources) child.sources.push_back(source->child_data[i]);
  return child;
}

Part AlignedChildPart(const Part& part, int i, int64_t factor) {
  Part child = ChildOf(part, i);
  for (const auto& source : part.sources) {
    const auto& data = source->child_data[i];
    const bool whole = source->offset == 0 && source->length * factor == data->length;
    child.sources.push_back(whole ? data : data->Slice(source->offset * factor, source->length * factor));
  }
  return child;
}

Result<std::shared_ptr<arrow::Buffer>> AllocateCanonical(int64_t bytes, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(bytes, pool));
  buffer->ZeroPadding();
  return std::shared_ptr<arrow::Buffer>(std::move(buffer));
}

}  // namespace millstream
