#include <arrow/util/bit_util.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "column/assemble.h"
#include "column/copy_bytes.h"
#include "column/narrow.h"

namespace millstream {
namespace {

int64_t WidthOf(const arrow::DataType& type) { return type.bit_width() / 8; }

void CopyRuns(const std::vector<const uint8_t*>& values, int64_t width, const Selection& rows, uint8_t* out) {
  ForEachRun(rows, [&](int64_t source, int64_t begin, int64_t length, int64_t position) {
    if (begin == kAbsent) {
      std::memset(out + position * width, 0, static_cast<size_t>(length * width));
    } else {
      CopyBytes(out + position * width, values[source] + begin * width, length * width);
    }
  });
}

}  // namespace

void GatherRows(const std::vector<const uint8_t*>& values, int64_t width, const Selection& rows, uint8_t* out) {
  if (rows.indices != nullptr && !rows.has_absent) {
    GatherBytes(values[0], static_cast<int>(width), rows.indices, rows.count, out);
  } else {
    CopyRuns(values, width, rows, out);
  }
}

void ClearNulls(const uint8_t* validity, int64_t count, int64_t width, uint8_t* out) {
  if (validity == nullptr) return;
  for (int64_t i = 0; i < count; i += 8) {
    if (validity[i / 8] == 0xFF) continue;
    for (int64_t k = i; k < std::min(i + 8, count); ++k) {
      if (!arrow::bit_util::GetBit(validity, k)) std::memset(out + k * width, 0, static_cast<size_t>(width));
    }
  }
}

std::vector<const uint8_t*> FixedValues(const Sources& sources, int64_t width) {
  std::vector<const uint8_t*> values;
  for (const auto& source : sources) {
    values.push_back(source->length == 0 || width == 0 ? nullptr : source->buffers[1]->data() + source->offset * width);
  }
  return values;
}

Result<ArrayDataPtr> AssembleFixed(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  const int64_t width = WidthOf(*part.type);
  ARROW_ASSIGN_OR_RAISE(auto validity, AssembleValidity(part, rows, pool));
  ARROW_ASSIGN_OR_RAISE(auto buffer, AllocateCanonical(rows.count * width, pool));
  GatherRows(FixedValues(part.sources, width), width, rows, buffer->mutable_data());
  ClearNulls(validity.bits(), rows.count, width, buffer->mutable_data());
  return arrow::ArrayData::Make(part.type, rows.count, {std::move(validity.buffer), std::move(buffer)},
                                validity.null_count);
}

Result<int64_t> MeasureFixed(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto validity, AssembleValidity(part, rows, pool));
  return validity.bytes() + rows.count * WidthOf(*part.type);
}

}  // namespace millstream
