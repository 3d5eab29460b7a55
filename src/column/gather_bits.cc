#include <arrow/util/bit_util.h>
#include <arrow/util/bitmap_ops.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "column/assemble.h"

namespace millstream {
namespace {

using arrow::bit_util::BytesForBits;
using arrow::bit_util::GetBit;

struct BitSource {
  const uint8_t* bits;  // none: all bits are set
  int64_t offset;
};

void GatherIndexedBits(const BitSource& source, const uint32_t* indices, int64_t count, uint8_t* out) {
  for (int64_t i = 0; i < count; i += 8) {
    uint32_t byte = 0;
    const int64_t bits = std::min<int64_t>(8, count - i);
    for (int64_t k = 0; k < bits; ++k) {
      byte |= static_cast<uint32_t>(GetBit(source.bits, source.offset + indices[i + k])) << k;
    }
    out[i / 8] = static_cast<uint8_t>(byte);
  }
}

void CopyRun(const BitSource& source, int64_t begin, int64_t length, int64_t position, uint8_t* out) {
  if (source.bits == nullptr) {
    arrow::bit_util::SetBitsTo(out, position, length, true);
  } else if (length < 16) {
    for (int64_t k = 0; k < length; ++k) {
      if (GetBit(source.bits, source.offset + begin + k)) arrow::bit_util::SetBit(out, position + k);
    }
  } else {
    arrow::internal::CopyBitmap(source.bits, source.offset + begin, length, out, position);
  }
}

// Absent rows give `absent`; bits after the last are zero.
Result<std::shared_ptr<arrow::Buffer>> GatherBits(const std::vector<BitSource>& sources, const Selection& rows,
                                                  bool absent, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto buffer, AllocateCanonical(BytesForBits(rows.count), pool));
  uint8_t* out = buffer->mutable_data();
  if (rows.indices != nullptr && !rows.has_absent && sources[0].bits != nullptr) {
    GatherIndexedBits(sources[0], rows.indices, rows.count, out);
    return buffer;
  }
  std::memset(out, 0, static_cast<size_t>(buffer->size()));
  ForEachRun(rows, [&](int64_t source, int64_t begin, int64_t length, int64_t position) {
    if (begin != kAbsent) {
      CopyRun(sources[source], begin, length, position, out);
    } else if (absent) {
      arrow::bit_util::SetBitsTo(out, position, length, true);
    }
  });
  return buffer;
}

bool MayHaveNulls(const Part& part, const Selection& rows) {
  if (rows.has_absent && part.absent_is_null) return true;
  return std::any_of(part.sources.begin(), part.sources.end(),
                     [](const auto& source) { return source->MayHaveNulls(); });
}

}  // namespace

Result<Validity> AssembleValidity(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  if (rows.count == 0 || !MayHaveNulls(part, rows)) return Validity{};
  std::vector<BitSource> sources;
  for (const auto& source : part.sources) {
    sources.push_back({source->MayHaveNulls() ? source->buffers[0]->data() : nullptr, source->offset});
  }
  Validity validity;
  ARROW_ASSIGN_OR_RAISE(validity.buffer, GatherBits(sources, rows, !part.absent_is_null, pool));
  validity.null_count = rows.count - arrow::internal::CountSetBits(validity.bits(), 0, rows.count);
  if (validity.null_count == 0) validity.buffer.reset();
  return validity;
}

Result<ArrayDataPtr> AssembleBool(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto validity, AssembleValidity(part, rows, pool));
  std::vector<BitSource> sources;
  for (const auto& source : part.sources) {
    if (source->length == 0) {
      sources.push_back({nullptr, 0});
      continue;
    }
    sources.push_back({source->buffers[1]->data(), source->offset});
  }
  ARROW_ASSIGN_OR_RAISE(auto values, GatherBits(sources, rows, false, pool));
  for (int64_t i = 0; i < validity.bytes(); ++i) values->mutable_data()[i] &= validity.bits()[i];
  return arrow::ArrayData::Make(part.type, rows.count, {std::move(validity.buffer), std::move(values)},
                                validity.null_count);
}

Result<int64_t> MeasureBool(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto validity, AssembleValidity(part, rows, pool));
  return validity.bytes() + BytesForBits(rows.count);
}

}  // namespace millstream
