#include <arrow/util/bit_util.h>

#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "column/assemble.h"
#include "column/copy_bytes.h"

namespace millstream {
namespace {

template <typename Offset>
struct BinarySource {
  const Offset* offsets;
  const uint8_t* data;
  int64_t bytes;
};

template <typename Offset>
std::vector<BinarySource<Offset>> SourcesOf(const Part& part) {
  std::vector<BinarySource<Offset>> sources;
  for (const auto& source : part.sources) {
    if (source->length == 0) {
      sources.push_back({nullptr, nullptr, 0});
      continue;
    }
    const auto& data = source->buffers[2];
    sources.push_back(
        {source->GetValues<Offset>(1), data == nullptr ? nullptr : data->data(), data == nullptr ? 0 : data->size()});
  }
  return sources;
}

inline bool IsValid(const uint8_t* validity, int64_t row) {
  return validity == nullptr || arrow::bit_util::GetBit(validity, row);
}

// Gives the bytes of all rows; writes where each begins (modulo what an Offset holds) to `out`, if any.
template <typename Offset>
int64_t SumLengths(const std::vector<BinarySource<Offset>>& sources, const Selection& rows, const uint8_t* validity,
                   Offset* out) {
  int64_t total = 0;
  ForEachRun(rows, [&](int64_t source, int64_t begin, int64_t length, int64_t position) {
    if (out == nullptr && validity == nullptr && begin != kAbsent && length > 0) {
      const Offset* offsets = sources[source].offsets + begin;
      total += offsets[length] - offsets[0];
      return;
    }
    for (int64_t k = 0; k < length; ++k) {
      if (out != nullptr) out[position + k] = static_cast<Offset>(total);
      if (begin == kAbsent || !IsValid(validity, position + k)) continue;
      const Offset* offsets = sources[source].offsets + begin + k;
      total += offsets[1] - offsets[0];
    }
  });
  if (out != nullptr) out[rows.count] = static_cast<Offset>(total);
  return total;
}

template <typename Offset>
void CopyRun(const BinarySource<Offset>& source, int64_t begin, int64_t length, const Offset* out_offsets,
             uint8_t* out) {
  const Offset* offsets = source.offsets + begin;
  const int64_t bytes = out_offsets[length] - out_offsets[0];
  if (bytes == offsets[length] - offsets[0]) return CopyBytes(out + out_offsets[0], source.data + offsets[0], bytes);
  for (int64_t k = 0; k < length; ++k) {
    CopyBytes(out + out_offsets[k], source.data + offsets[k], out_offsets[k + 1] - out_offsets[k]);
  }
}

// Short strings are copied with what follows them, without a branch on their length: the next row overwrites it.
template <typename Offset>
void CopyIndexed(const BinarySource<Offset>& source, const Selection& rows, const Offset* out_offsets, uint8_t* out) {
  constexpr int64_t kBlock = 32;
  const int64_t total = out_offsets[rows.count];
  for (int64_t i = 0; i < rows.count; ++i) {
    const int64_t to = out_offsets[i];
    const int64_t bytes = out_offsets[i + 1] - to;
    if (bytes == 0) continue;
    const int64_t from = source.offsets[rows.indices[i]];
    if (bytes <= kBlock && to + kBlock <= total && from + kBlock <= source.bytes) {
      std::memcpy(out + to, source.data + from, kBlock);
    } else {
      CopyBytes(out + to, source.data + from, bytes);
    }
  }
}

template <typename Offset>
void CopyData(const std::vector<BinarySource<Offset>>& sources, const Selection& rows, const Offset* out_offsets,
              uint8_t* out) {
  if (rows.indices != nullptr) return CopyIndexed(sources[0], rows, out_offsets, out);
  ForEachRun(rows, [&](int64_t source, int64_t begin, int64_t length, int64_t position) {
    if (begin != kAbsent) CopyRun(sources[source], begin, length, out_offsets + position, out);
  });
}

Status TooLong(const arrow::DataType& type, int64_t rows, int64_t bytes) {
  return MakeError(ErrorKind::kInvalidArgument,
                   "A column of type " + type.ToString() +
                       " cannot hold 2 GiB or more in one batch; take fewer rows a batch or cast it to large_" +
                       type.ToString() + ": " + std::to_string(rows) + " rows of " + std::to_string(bytes) + " bytes");
}

template <typename Offset>
Result<ArrayDataPtr> AssembleWith(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  const auto sources = SourcesOf<Offset>(part);
  ARROW_ASSIGN_OR_RAISE(auto validity, AssembleValidity(part, rows, pool));
  ARROW_ASSIGN_OR_RAISE(auto offsets, AllocateCanonical((rows.count + 1) * static_cast<int64_t>(sizeof(Offset)), pool));
  const int64_t bytes = SumLengths(sources, rows, validity.bits(), offsets->template mutable_data_as<Offset>());
  if (bytes > std::numeric_limits<Offset>::max()) return TooLong(*part.type, rows.count, bytes);
  ARROW_ASSIGN_OR_RAISE(auto data, AllocateCanonical(bytes, pool));
  CopyData(sources, rows, offsets->template data_as<Offset>(), data->mutable_data());
  return arrow::ArrayData::Make(part.type, rows.count,
                                {std::move(validity.buffer), std::move(offsets), std::move(data)}, validity.null_count);
}

template <typename Offset>
Result<int64_t> MeasureWith(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto validity, AssembleValidity(part, rows, pool));
  const int64_t data = SumLengths<Offset>(SourcesOf<Offset>(part), rows, validity.bits(), nullptr);
  return validity.bytes() + (rows.count + 1) * static_cast<int64_t>(sizeof(Offset)) + data;
}

bool IsLarge(const Part& part) { return arrow::is_large_binary_like(part.type->id()); }

}  // namespace

Result<ArrayDataPtr> AssembleBinary(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  return IsLarge(part) ? AssembleWith<int64_t>(part, rows, pool) : AssembleWith<int32_t>(part, rows, pool);
}

Result<int64_t> MeasureBinary(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  return IsLarge(part) ? MeasureWith<int64_t>(part, rows, pool) : MeasureWith<int32_t>(part, rows, pool);
}

}  // namespace millstream
