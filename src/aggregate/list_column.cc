#include "aggregate/list_column.h"

#include <limits>

#include "aggregate/ordered_word.h"

namespace millstream {

Status ListColumn::Reserve(int64_t rows) {
  ARROW_RETURN_NOT_OK(ends_.Reserve(rows));
  return valid_.Reserve(rows);
}

Status ListColumn::AddList(const uint32_t* items, int64_t count) {
  ARROW_RETURN_NOT_OK(items_.Reserve(items_.size() + count));
  for (int64_t i = 0; i < count; ++i) items_.Append(items[i]);
  EndList();
  return Status::OK();
}

Status ListColumn::AddItem(uint32_t item) {
  ARROW_RETURN_NOT_OK(items_.Reserve(items_.size() + 1));
  items_.Append(item);
  return Status::OK();
}

void ListColumn::EndRow(uint8_t valid) {
  ends_.Append(items_.size());
  valid_.Append(valid);
}

template <typename Offset>
Result<std::shared_ptr<arrow::Buffer>> ListColumn::Offsets() const {
  if (item_count() > std::numeric_limits<Offset>::max()) {
    return MakeError(ErrorKind::kInvalidArgument, "the lists of an aggregation are too long for 32-bit offsets; take fewer groups at once");
  }
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer, arrow::AllocateBuffer((ends_.size() + 1) * static_cast<int64_t>(sizeof(Offset)), pool_));
  auto* offsets = buffer->mutable_data_as<Offset>();
  offsets[0] = 0;
  for (int64_t i = 0; i < ends_.size(); ++i) offsets[i + 1] = static_cast<Offset>(ends_[i]);
  return buffer;
}

Result<ArrayDataPtr> ListColumn::Finish(const std::shared_ptr<arrow::DataType>& type, ArrayDataPtr values) const {
  ARROW_ASSIGN_OR_RAISE(auto bitmap, BitmapOf(valid_.data(), valid_.size(), pool_));
  ARROW_ASSIGN_OR_RAISE(auto offsets, type->id() == arrow::Type::LARGE_LIST ? Offsets<int64_t>() : Offsets<int32_t>());
  return arrow::ArrayData::Make(type, ends_.size(), {std::move(bitmap), std::move(offsets)}, {std::move(values)});
}

}  // namespace millstream
