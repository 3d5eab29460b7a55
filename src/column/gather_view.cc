#include <arrow/util/bit_util.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "column/assemble.h"
#include "column/copy_bytes.h"

namespace millstream {
namespace {

using View = arrow::BinaryViewType::c_type;
constexpr int64_t kDataBytesMax = std::numeric_limits<int32_t>::max();

// Calls visit(view, source, row) for every output row; null and absent rows give no view.
template <typename Visit>
void ForEachView(const Part& part, const Selection& rows, const uint8_t* validity, Visit&& visit) {
  ForEachRun(rows, [&](int64_t source, int64_t begin, int64_t length, int64_t position) {
    for (int64_t row = position; row < position + length; ++row) {
      const bool present = begin != kAbsent && (validity == nullptr || arrow::bit_util::GetBit(validity, row));
      const auto& data = *part.sources[source];
      visit(present ? data.GetValues<View>(1) + begin + (row - position) : nullptr, data, row);
    }
  });
}

// The bytes of each data buffer of the result: filled in row order, a new one begun when a string no longer fits.
std::vector<int64_t> PlanBuffers(const Part& part, const Selection& rows, const uint8_t* validity) {
  std::vector<int64_t> sizes;
  ForEachView(part, rows, validity, [&](const View* view, const auto&, int64_t) {
    if (view == nullptr || view->is_inline()) return;
    if (sizes.empty() || sizes.back() + view->size() > kDataBytesMax) sizes.push_back(0);
    sizes.back() += view->size();
  });
  return sizes;
}

View InlineView(const View& from) {
  View view;
  std::memset(&view, 0, sizeof(view));
  view.inlined.size = from.size();
  std::memcpy(view.inlined.data.data(), from.inlined.data.data(), static_cast<size_t>(from.size()));
  return view;
}

// Fills the data buffers as PlanBuffers planned them.
class ViewWriter {
 public:
  ViewWriter(std::vector<std::shared_ptr<arrow::Buffer>>* buffers, View* views) : buffers_(buffers), views_(views) {}

  void Write(const View* view, const arrow::ArrayData& source, int64_t row) {
    if (view == nullptr) {
      std::memset(views_ + row, 0, sizeof(View));
    } else if (view->is_inline()) {
      views_[row] = InlineView(*view);
    } else {
      WriteLong(view->ref.size, source.buffers[2 + view->ref.buffer_index]->data() + view->ref.offset, row);
    }
  }

 private:
  void WriteLong(int32_t bytes, const uint8_t* from, int64_t row) {
    if (used_ + bytes > (*buffers_)[2 + buffer_]->size()) {
      ++buffer_;
      used_ = 0;
    }
    CopyBytes((*buffers_)[2 + buffer_]->mutable_data() + used_, from, bytes);
    View& view = views_[row];
    view.ref.size = bytes;
    std::memcpy(view.ref.prefix.data(), from, view.ref.prefix.size());
    view.ref.buffer_index = buffer_;
    view.ref.offset = static_cast<int32_t>(used_);
    used_ += bytes;
  }

  std::vector<std::shared_ptr<arrow::Buffer>>* buffers_;
  View* views_;
  int32_t buffer_ = 0;
  int64_t used_ = 0;
};

}  // namespace

Result<ArrayDataPtr> AssembleView(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto validity, AssembleValidity(part, rows, pool));
  ARROW_ASSIGN_OR_RAISE(auto views, AllocateCanonical(rows.count * static_cast<int64_t>(sizeof(View)), pool));
  auto* out = views->mutable_data_as<View>();
  std::vector<std::shared_ptr<arrow::Buffer>> buffers = {validity.buffer, std::move(views)};
  for (const int64_t bytes : PlanBuffers(part, rows, validity.bits())) {
    ARROW_ASSIGN_OR_RAISE(auto data, AllocateCanonical(bytes, pool));
    buffers.push_back(std::move(data));
  }
  ViewWriter writer(&buffers, out);
  ForEachView(part, rows, validity.bits(), [&](const View* view, const arrow::ArrayData& source, int64_t row) {
    writer.Write(view, source, row);
  });
  return arrow::ArrayData::Make(part.type, rows.count, std::move(buffers), validity.null_count);
}

Result<int64_t> MeasureView(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto validity, AssembleValidity(part, rows, pool));
  int64_t bytes = validity.bytes() + rows.count * static_cast<int64_t>(sizeof(View));
  for (const int64_t data : PlanBuffers(part, rows, validity.bits())) bytes += data;
  return bytes;
}

}  // namespace millstream
