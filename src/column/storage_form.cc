#include <arrow/buffer_builder.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "column/assemble.h"
#include "column/gather.h"
#include "column/row_numbers.h"

namespace millstream {
namespace {

using arrow::Type;
using TypePtr = std::shared_ptr<arrow::DataType>;

Result<ArrayDataPtr> Restore(const ArrayDataPtr& data, const TypePtr& type, arrow::MemoryPool* pool);

ArrayDataPtr WithType(const ArrayDataPtr& data, const TypePtr& type) {
  if (data->type == type) return data;
  auto typed = data->Copy();
  typed->type = type;
  return typed;
}

int64_t CodesOf(const arrow::DataType& index_type) {
  const int bits = index_type.bit_width() - (arrow::is_signed_integer(index_type.id()) ? 1 : 0);
  return bits >= 32 ? int64_t{1} << 32 : int64_t{1} << bits;
}

Status CheckCodes(const arrow::DataType& type, const arrow::DataType& index_type, int64_t values) {
  if (values <= CodesOf(index_type)) return Status::OK();
  return MakeError(ErrorKind::kInvalidArgument,
                   "The index type of a dictionary cannot number the distinct values of one batch; take fewer rows a "
                   "batch or cast the column "
                   "to a wider index type: " +
                       type.ToString() + ", " + std::to_string(values) + " values");
}

template <typename Code>
void WriteCodes(const RowNumbers& numbers, int64_t rows, uint8_t* out) {
  for (int64_t row = 0; row < rows; ++row) {
    const uint32_t number = numbers.number_of()[row];
    const Code code = number == kAbsentIndex ? Code{0} : static_cast<Code>(number);
    std::memcpy(out + row * static_cast<int64_t>(sizeof(Code)), &code, sizeof(Code));
  }
}

void WriteCodes(const RowNumbers& numbers, int64_t rows, int width, uint8_t* out) {
  if (width == 1) return WriteCodes<uint8_t>(numbers, rows, out);
  if (width == 2) return WriteCodes<uint16_t>(numbers, rows, out);
  if (width == 4) return WriteCodes<uint32_t>(numbers, rows, out);
  WriteCodes<uint64_t>(numbers, rows, out);
}

// The validity of a column of nulls has no buffer to share.
Result<std::shared_ptr<arrow::Buffer>> CodeValidity(const arrow::ArrayData& data, arrow::MemoryPool* pool) {
  if (data.type->id() != Type::NA) return data.GetNullCount() > 0 ? data.buffers[0] : nullptr;
  if (data.length == 0) return nullptr;
  ARROW_ASSIGN_OR_RAISE(auto buffer, AllocateCanonical((data.length + 7) / 8, pool));
  std::memset(buffer->mutable_data(), 0, static_cast<size_t>(buffer->size()));
  return buffer;
}

Result<ArrayDataPtr> RestoreDictionary(const ArrayDataPtr& data, const TypePtr& type, arrow::MemoryPool* pool) {
  const auto& dictionary = static_cast<const arrow::DictionaryType&>(*type);
  ARROW_ASSIGN_OR_RAISE(const auto numbers, NumberRows(*data, pool));
  ARROW_RETURN_NOT_OK(CheckCodes(*type, *dictionary.index_type(), numbers.values));
  const int width = dictionary.index_type()->bit_width() / 8;
  ARROW_ASSIGN_OR_RAISE(auto codes, AllocateCanonical(data->length * width, pool));
  WriteCodes(numbers, data->length, width, codes->mutable_data());
  ARROW_ASSIGN_OR_RAISE(auto values, Gather(*data, numbers.first_row_of(), numbers.values, pool));
  ARROW_ASSIGN_OR_RAISE(values, Restore(values, dictionary.value_type(), pool));
  ARROW_ASSIGN_OR_RAISE(auto validity, CodeValidity(*data, pool));
  auto coded =
      arrow::ArrayData::Make(type, data->length, {std::move(validity), std::move(codes)}, data->GetNullCount());
  coded->dictionary = std::move(values);
  return coded;
}

int64_t RunEndMax(const arrow::DataType& run_end_type) {
  if (run_end_type.id() == Type::INT16) return std::numeric_limits<int16_t>::max();
  return run_end_type.id() == Type::INT32 ? std::numeric_limits<int32_t>::max() : std::numeric_limits<int64_t>::max();
}

Status CheckRunEnds(const arrow::DataType& type, const arrow::DataType& run_end_type, int64_t rows) {
  if (rows <= RunEndMax(run_end_type)) return Status::OK();
  return MakeError(ErrorKind::kInvalidArgument,
                   "The run-end type of a column cannot count the rows of one batch; take fewer rows a batch or cast "
                   "the column to a wider "
                   "run-end type: " +
                       type.ToString() + ", " + std::to_string(rows) + " rows");
}

struct Runs {
  arrow::TypedBufferBuilder<uint32_t> first_rows;
  arrow::TypedBufferBuilder<uint8_t> ends;  // in the width of the run-end type
};

Status AppendRun(uint32_t first_row, int64_t end, int width, Runs* runs) {
  ARROW_RETURN_NOT_OK(runs->first_rows.Append(first_row));
  return runs->ends.Append(reinterpret_cast<const uint8_t*>(&end), width);
}

Status FindRuns(const RowNumbers& numbers, int64_t rows, int width, Runs* runs) {
  int64_t first = 0;
  for (int64_t row = 1; row <= rows; ++row) {
    if (row < rows && numbers.number_of()[row] == numbers.number_of()[first]) continue;
    ARROW_RETURN_NOT_OK(AppendRun(static_cast<uint32_t>(first), row, width, runs));
    first = row;
  }
  return Status::OK();
}

Result<ArrayDataPtr> RestoreRunEnds(const ArrayDataPtr& data, const TypePtr& type, arrow::MemoryPool* pool) {
  const auto& encoded = static_cast<const arrow::RunEndEncodedType&>(*type);
  ARROW_RETURN_NOT_OK(CheckRunEnds(*type, *encoded.run_end_type(), data->length));
  ARROW_ASSIGN_OR_RAISE(const auto numbers, NumberRows(*data, pool));
  Runs runs{arrow::TypedBufferBuilder<uint32_t>(pool), arrow::TypedBufferBuilder<uint8_t>(pool)};
  ARROW_RETURN_NOT_OK(FindRuns(numbers, data->length, encoded.run_end_type()->bit_width() / 8, &runs));
  const int64_t count = runs.first_rows.length();
  ARROW_ASSIGN_OR_RAISE(auto values, Gather(*data, runs.first_rows.data(), count, pool));
  ARROW_ASSIGN_OR_RAISE(values, Restore(values, encoded.value_type(), pool));
  ARROW_ASSIGN_OR_RAISE(auto ends, runs.ends.Finish());
  auto run_ends = arrow::ArrayData::Make(encoded.run_end_type(), count, {nullptr, std::move(ends)}, 0);
  return arrow::ArrayData::Make(type, data->length, {nullptr}, {std::move(run_ends), std::move(values)}, 0);
}

Result<ArrayDataPtr> RestoreChildren(const ArrayDataPtr& data, const TypePtr& type, arrow::MemoryPool* pool) {
  auto restored = data->Copy();
  restored->type = type;
  for (int i = 0; i < type->num_fields(); ++i) {
    ARROW_ASSIGN_OR_RAISE(restored->child_data[i], Restore(data->child_data[i], type->field(i)->type(), pool));
  }
  return restored;
}

// `data` is canonical: offset 0 at every level, no rows but its own.
Result<ArrayDataPtr> Restore(const ArrayDataPtr& data, const TypePtr& type, arrow::MemoryPool* pool) {
  switch (type->id()) {
    case Type::DICTIONARY: return RestoreDictionary(data, type, pool);
    case Type::RUN_END_ENCODED: return RestoreRunEnds(data, type, pool);
    case Type::EXTENSION: {
      ARROW_ASSIGN_OR_RAISE(const auto storage,
                            Restore(data, static_cast<const arrow::ExtensionType&>(*type).storage_type(), pool));
      return WithType(storage, type);
    }
    default: return StorageType(type) == type ? WithType(data, type) : RestoreChildren(data, type, pool);
  }
}

template <typename Offset>
bool OffsetsSpanChild(const arrow::ArrayData& data) {
  const Offset* offsets = data.GetValues<Offset>(1);
  return data.length > 0 && offsets[0] == 0 && offsets[data.length] == data.child_data[0]->length;
}

// Whether no level has rows beyond those of `data`, as slices do. Layouts that would need a look at each row count as
// having them.
bool HoldsOwnRows(const arrow::ArrayData& data) {
  if (data.offset != 0) return false;
  switch (data.type->id()) {
    case Type::LIST:
    case Type::MAP: return OffsetsSpanChild<int32_t>(data) && HoldsOwnRows(*data.child_data[0]);
    case Type::LARGE_LIST: return OffsetsSpanChild<int64_t>(data) && HoldsOwnRows(*data.child_data[0]);
    case Type::FIXED_SIZE_LIST:
    case Type::STRUCT: break;
    default: return data.child_data.empty();
  }
  const int64_t rows = data.type->id() == Type::STRUCT
                           ? data.length
                           : data.length * static_cast<const arrow::FixedSizeListType&>(*data.type).list_size();
  return std::all_of(data.child_data.begin(), data.child_data.end(),
                     [&](const auto& child) { return child->length == rows && HoldsOwnRows(*child); });
}

// Whether restoring only renames types, which holds for slices too.
bool OnlyExtension(const arrow::DataType& type) {
  if (type.id() != Type::EXTENSION) return false;
  const auto& storage = static_cast<const arrow::ExtensionType&>(type).storage_type();
  return StorageType(storage) == storage;
}

}  // namespace

Result<ArrayDataPtr> ToStorage(const ArrayDataPtr& data, arrow::MemoryPool* pool) {
  if (StorageType(data->type) == data->type) return data;
  if (data->type->id() == Type::EXTENSION) {
    return ToStorage(WithType(data, static_cast<const arrow::ExtensionType&>(*data->type).storage_type()), pool);
  }
  return Concatenate({data}, data->type, pool);
}

Result<ArrayDataPtr> FromStorage(const ArrayDataPtr& data, const TypePtr& type, arrow::MemoryPool* pool) {
  const auto storage_type = StorageType(type);
  if (!storage_type->Equals(*data->type)) {
    return MakeError(ErrorKind::kType, "A column of type " + type->ToString() + " is stored as " +
                                           storage_type->ToString() + ", not as " + data->type->ToString());
  }
  if (storage_type == type || OnlyExtension(*type)) return WithType(data, type);
  if (HoldsOwnRows(*data)) return Restore(data, type, pool);
  ARROW_ASSIGN_OR_RAISE(const auto own_rows, Concatenate({data}, data->type, pool));
  return Restore(own_rows, type, pool);
}

}  // namespace millstream
