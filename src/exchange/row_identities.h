#pragma once
/// Who the rows of a piece are, as they are held and spilled: numbers of one source, or identities of any.
///
/// A piece that a scan made is a contiguous run of one source, and 4 bytes a row tell which row is where. Rows that come back from a store are of many
/// sources: 8 bytes tell source and row.

#include <cstdint>
#include <vector>

#include "base/random.h"

namespace millstream {

/// (source, row) in 64 bits, in the order of (source, row).
constexpr int kPackedRowBits = 40;
constexpr uint64_t PackIdentity(uint32_t source, int64_t row) { return uint64_t{source} << kPackedRowBits | static_cast<uint64_t>(row); }
constexpr uint32_t SourceOf(uint64_t packed) { return static_cast<uint32_t>(packed >> kPackedRowBits); }
constexpr int64_t RowOf(uint64_t packed) { return static_cast<int64_t>(packed & ((uint64_t{1} << kPackedRowBits) - 1)); }
constexpr bool CanPack(uint32_t source, int64_t rows) { return source < uint32_t{1} << (64 - kPackedRowBits) && rows < int64_t{1} << kPackedRowBits; }

/// Points into memory that somebody else owns.
struct RowIdentities {
  uint32_t source = 0;    // at width 4
  int64_t first_row = 0;  // at width 4
  int width = 4;          // 4: uint32_t row numbers less first_row; 8: packed
  const uint8_t* data = nullptr;

  /// Those from `row` on.
  RowIdentities From(int64_t row) const { return {source, first_row, width, data + row * width}; }
  uint64_t Packed(int64_t index) const {
    if (width == 8) return reinterpret_cast<const uint64_t*>(data)[index];
    return PackIdentity(source, first_row + reinterpret_cast<const uint32_t*>(data)[index]);
  }
};

/// Computes the shuffle keys of rows; remembers the keys of the sources it has met.
class KeyMaker {
 public:
  explicit KeyMaker(const EpochKey& epoch) : epoch_(epoch) {}

  void Make(const RowIdentities& rows, int64_t count, uint64_t* keys) {
    if (rows.width == 8) return MakePacked(reinterpret_cast<const uint64_t*>(rows.data), count, keys);
    const SourceKey source = MakeSourceKey(epoch_, rows.source);
    const auto* numbers = reinterpret_cast<const uint32_t*>(rows.data);
    for (int64_t i = 0; i < count; ++i) keys[i] = source.KeyOfRow(static_cast<uint64_t>(rows.first_row) + numbers[i]);
  }

 private:
  static constexpr uint32_t kSourcesKnownMax = 64 << 10;

  void MakePacked(const uint64_t* packed, int64_t count, uint64_t* keys) {
    for (int64_t i = 0; i < count; ++i) {
      const uint32_t source = SourceOf(packed[i]);
      if (source >= known_.size()) Learn(source);
      const SourceKey key = source < known_.size() ? known_[source] : MakeSourceKey(epoch_, source);
      keys[i] = key.KeyOfRow(static_cast<uint64_t>(RowOf(packed[i])));
    }
  }

  void Learn(uint32_t source) {
    if (source >= kSourcesKnownMax) return;
    for (uint32_t next = static_cast<uint32_t>(known_.size()); next <= source; ++next) known_.push_back(MakeSourceKey(epoch_, next));
  }

  EpochKey epoch_;
  std::vector<SourceKey> known_;  // by source
};

}  // namespace millstream
