#include <cstring>
#include <limits>
#include <utility>

#include "column/assemble.h"
#include "column/copy_bytes.h"

namespace millstream {
namespace {

using View = arrow::BinaryViewType::c_type;
constexpr int64_t kViewBytes = sizeof(View);
constexpr int64_t kDataBytesMax = std::numeric_limits<int32_t>::max();

// The views as they stand in the sources; short strings are done with that.
Result<std::shared_ptr<arrow::Buffer>> GatherViews(const Part& part, const Selection& rows, const uint8_t* validity,
                                                   arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto views, AllocateCanonical(rows.count * kViewBytes, pool));
  GatherRows(FixedValues(part.sources, kViewBytes), kViewBytes, rows, views->mutable_data());
  ClearNulls(validity, rows.count, kViewBytes, views->mutable_data());
  return views;
}

// The bytes of each data buffer of the result: filled in row order, a new one begun when a string no longer fits.
std::vector<int64_t> PlanBuffers(const View* views, int64_t count) {
  std::vector<int64_t> sizes;
  for (const View* view = views; view != views + count; ++view) {
    if (view->is_inline()) continue;
    if (sizes.empty() || sizes.back() + view->size() > kDataBytesMax) sizes.push_back(0);
    sizes.back() += view->size();
  }
  return sizes;
}

// Fills the data buffers as PlanBuffers planned them.
class LongStringMover {
 public:
  explicit LongStringMover(const std::vector<std::shared_ptr<arrow::Buffer>>& buffers) : buffers_(buffers) {}

  void Move(const arrow::ArrayData& source, View* view) {
    const int32_t bytes = view->ref.size;
    if (used_ + bytes > buffers_[2 + buffer_]->size()) {
      ++buffer_;
      used_ = 0;
    }
    const uint8_t* from = source.buffers[2 + view->ref.buffer_index]->data() + view->ref.offset;
    CopyBytes(buffers_[2 + buffer_]->mutable_data() + used_, from, bytes);
    view->ref.buffer_index = buffer_;
    view->ref.offset = static_cast<int32_t>(used_);
    used_ += bytes;
  }

 private:
  const std::vector<std::shared_ptr<arrow::Buffer>>& buffers_;
  int32_t buffer_ = 0;
  int64_t used_ = 0;
};

void MoveLongStrings(const Part& part, const Selection& rows, LongStringMover* mover, View* views) {
  ForEachRun(rows, [&](int64_t source, int64_t, int64_t length, int64_t position) {
    for (View* view = views + position; view != views + position + length; ++view) {
      if (!view->is_inline()) mover->Move(*part.sources[source], view);
    }
  });
}

}  // namespace

Result<ArrayDataPtr> AssembleView(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto validity, AssembleValidity(part, rows, pool));
  ARROW_ASSIGN_OR_RAISE(auto buffer, GatherViews(part, rows, validity.bits(), pool));
  auto* views = buffer->mutable_data_as<View>();
  std::vector<std::shared_ptr<arrow::Buffer>> buffers = {std::move(validity.buffer), std::move(buffer)};
  for (const int64_t bytes : PlanBuffers(views, rows.count)) {
    ARROW_ASSIGN_OR_RAISE(auto data, AllocateCanonical(bytes, pool));
    buffers.push_back(std::move(data));
  }
  if (buffers.size() > 2) {
    LongStringMover mover(buffers);
    MoveLongStrings(part, rows, &mover, views);
  }
  return arrow::ArrayData::Make(part.type, rows.count, std::move(buffers), validity.null_count);
}

Result<int64_t> MeasureView(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto validity, AssembleValidity(part, rows, pool));
  ARROW_ASSIGN_OR_RAISE(const auto views, GatherViews(part, rows, validity.bits(), pool));
  int64_t bytes = validity.bytes() + rows.count * kViewBytes;
  for (const int64_t data : PlanBuffers(views->data_as<View>(), rows.count)) bytes += data;
  return bytes;
}

}  // namespace millstream
