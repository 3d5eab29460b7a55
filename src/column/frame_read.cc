#include <arrow/util/bit_util.h>
#include <arrow/util/bitmap_ops.h>

#include <cstring>
#include <string>
#include <utility>

#include "column/frame.h"
#include "column/frame_check.h"
#include "column/frame_layout.h"

namespace millstream {
namespace {

using arrow::Type;
using ArrayDataPtr = std::shared_ptr<arrow::ArrayData>;
using TypePtr = std::shared_ptr<arrow::DataType>;

class ColumnReader {
 public:
  ColumnReader(const std::shared_ptr<arrow::Buffer>& frame, int64_t position) : frame_(frame), position_(position) {}

  int64_t position() const { return position_; }

  Result<ArrayDataPtr> Read(const TypePtr& type) {
    if (!IsStorageLayout(type->id())) {
      return MakeError(ErrorKind::kInvalidArgument,
                       "A column frame is read with its storage type, not " + type->ToString());
    }
    auto data = std::make_shared<arrow::ArrayData>();
    data->type = type;
    ARROW_RETURN_NOT_OK(ReadHeader(data.get()));
    for (const auto& field : type->fields()) {
      ARROW_ASSIGN_OR_RAISE(auto child, Read(field->type()));
      data->child_data.push_back(std::move(child));
    }
    ARROW_RETURN_NOT_OK(CheckColumn(*data));
    return data;
  }

 private:
  Result<int64_t> ReadWord() {
    if (frame_->size() - position_ < 8) return CorruptColumn("it ends within a header");
    int64_t word;
    std::memcpy(&word, frame_->data() + position_, sizeof(word));
    position_ += 8;
    return word;
  }

  Status ReadHeader(arrow::ArrayData* data) {
    ARROW_ASSIGN_OR_RAISE(data->length, ReadWord());
    ARROW_ASSIGN_OR_RAISE(const int64_t nulls, ReadWord());
    ARROW_ASSIGN_OR_RAISE(const int64_t buffers, ReadWord());
    if (data->length < 0 || data->length > kFrameRowsMax) return CorruptColumn("its row count is impossible");
    if (nulls < 0 || nulls > data->length) return CorruptColumn("its null count is impossible");
    data->SetNullCount(nulls);
    return ReadBuffers(buffers, data);
  }

  Status ReadBuffers(int64_t count, arrow::ArrayData* data) {
    const auto id = data->type->id();
    const int64_t expected = BufferCount(id);
    const bool counted = arrow::is_binary_view_like(id) ? count >= expected : count == expected;
    if (!counted || count > (frame_->size() - position_) / 8) {
      return CorruptColumn("its number of buffers is impossible");
    }
    std::vector<int64_t> sizes;
    for (int64_t i = 0; i < count; ++i) {
      ARROW_ASSIGN_OR_RAISE(const int64_t bytes, ReadWord());
      sizes.push_back(bytes);
    }
    if (!HasValidity(id)) data->buffers.push_back(nullptr);
    for (int64_t i = 0; i < count; ++i) {
      ARROW_ASSIGN_OR_RAISE(auto buffer, ReadBuffer(sizes[i]));
      data->buffers.push_back(i == 0 && HasValidity(id) && sizes[i] == 0 ? nullptr : std::move(buffer));
    }
    return Status::OK();
  }

  Result<std::shared_ptr<arrow::Buffer>> ReadBuffer(int64_t bytes) {
    const int64_t left = frame_->size() - position_;
    if (bytes < 0 || bytes > left || PaddedBytes(bytes) > left) return CorruptColumn("a buffer reaches beyond its end");
    auto buffer = arrow::SliceBuffer(frame_, position_, bytes);
    position_ += PaddedBytes(bytes);
    return buffer;
  }

  const std::shared_ptr<arrow::Buffer>& frame_;
  int64_t position_;
};

}  // namespace

Result<ArrayDataPtr> ReadColumn(const std::shared_ptr<arrow::Buffer>& frame, int64_t* position, const TypePtr& type) {
  if (*position < 0 || *position > frame->size() || *position % kFrameAlignment != 0) {
    return MakeError(ErrorKind::kInvalidArgument, "No column of a frame begins at byte " + std::to_string(*position));
  }
  ColumnReader reader(frame, *position);
  auto column = reader.Read(type);
  if (!column.ok()) {
    return WithContext(column.status(), "column of type " + type->ToString() + " at byte " + std::to_string(*position));
  }
  *position = reader.position();
  return column;
}

}  // namespace millstream
