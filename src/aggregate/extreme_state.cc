#include "aggregate/extreme_state.h"

#include <algorithm>
#include <array>

#include "aggregate/cell_bytes.h"
#include "aggregate/numbers.h"
#include "aggregate/ordered_bytes.h"
#include "aggregate/ordered_word.h"

namespace millstream {
namespace {

/// Words, turned for the greatest, so that the least is looked for in any case.
class WordExtremes final : public ExtremeState {
 public:
  WordExtremes(Extreme extreme, std::shared_ptr<arrow::DataType> type, arrow::MemoryPool* pool)
      : ExtremeState(extreme, std::move(type)), is_float_(NumberFormOf(*type_) == NumberForm::kFloat), words_(pool), seen_(pool) {}

  Status Prepare(const GroupedRows& rows) override { return Seal(rows.group_count); }
  Status Seal(int64_t group_count) override {
    ARROW_RETURN_NOT_OK(seen_.Reserve(group_count));
    ARROW_RETURN_NOT_OK(words_.Grow(group_count, UINT64_MAX));
    return seen_.Grow(group_count, 0);
  }

  void Apply(const GroupedRows& rows) override {
    std::array<uint64_t, kBlockRows> words;
    std::array<uint8_t, kBlockRows> valid;
    for (int64_t begin = 0; begin < rows.rows; begin += kBlockRows) {
      const int64_t count = std::min(kBlockRows, rows.rows - begin);
      EncodeWords(*rows.values, begin, count, 1, words.data());
      FillValid(*rows.values, begin, count, valid.data());
      for (int64_t i = 0; i < count; ++i) words[i] = valid[i] != 0 ? Turned(words[i]) : UINT64_MAX;
      const uint32_t* groups = rows.groups + begin;
      for (int64_t i = 0; i < count; ++i) {
        words_[groups[i]] = std::min(words_[groups[i]], words[i]);
        seen_[groups[i]] |= valid[i];
      }
    }
  }

  Result<ArrayDataPtr> Values(const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) const override {
    PoolVector<uint64_t> words(words_.pool());
    PoolVector<uint8_t> valid(words_.pool());
    ARROW_RETURN_NOT_OK(words.Resize(count));
    ARROW_RETURN_NOT_OK(valid.Resize(count));
    for (int64_t i = 0; i < count; ++i) {
      words[i] = Turned(words_[groups[i]]);
      valid[i] = seen_[groups[i]];
    }
    return DecodeWords(type_, words.data(), 1, valid.data(), count, pool);
  }

  void Release() override {
    words_.Release();
    seen_.Release();
  }
  int64_t bytes() const override { return words_.bytes() + seen_.bytes(); }

 private:
  /// Its own inverse. NaN stays the last.
  uint64_t Turned(uint64_t word) const {
    if (!greatest_ || (is_float_ && word == kWordOfNan)) return word;
    return ~word;
  }

  const bool is_float_;
  PoolVector<uint64_t> words_;
  PoolVector<uint8_t> seen_;
};

/// Values of any size, as the bytes of encoded rows, one after the other with gaps where shorter ones replaced longer.
class ByteExtremes final : public ExtremeState {
 public:
  ByteExtremes(Extreme extreme, std::shared_ptr<arrow::DataType> type, arrow::MemoryPool* pool)
      : ExtremeState(extreme, std::move(type)), rows_(pool), best_rows_(pool), places_(pool), bytes_(pool) {}

  Status Prepare(const GroupedRows& rows) override {
    ARROW_RETURN_NOT_OK(Seal(rows.group_count));
    ARROW_RETURN_NOT_OK(rows_.Encode({rows.values}, 0, rows.rows));
    FindBestRows(rows);
    const Status reserved = ReserveFor(rows);
    if (!reserved.ok()) ForgetBestRowsOf(rows);
    return reserved;
  }

  void Apply(const GroupedRows& rows) override {
    for (int64_t row = 0; row < rows.rows; ++row) {
      if (best_rows_[rows.groups[row]] == row) Put(rows.groups[row], rows_[row]);
    }
    ForgetBestRowsOf(rows);
  }

  void Abandon() override { std::fill_n(best_rows_.data(), best_rows_.size(), kNone); }

  Status Seal(int64_t group_count) override {
    ARROW_RETURN_NOT_OK(best_rows_.Grow(group_count, kNone));
    return places_.Grow(group_count, Place{0, kNone});
  }

  Result<ArrayDataPtr> Values(const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) const override {
    static constexpr char kNull = static_cast<char>(kNullMark);
    RowCells cells(places_.pool());
    ARROW_RETURN_NOT_OK(cells.Reserve(count));
    for (int64_t i = 0; i < count; ++i) cells.Add(places_[groups[i]].size == kNone ? std::string_view(&kNull, 1) : ValueOf(groups[i]));
    return DecodeColumn(type_, true, &cells, pool);
  }

  void Release() override {
    best_rows_.Release();
    places_.Release();
    bytes_.Release();
    gap_bytes_ = 0;
  }
  int64_t bytes() const override { return rows_.held_bytes() + best_rows_.bytes() + places_.bytes() + bytes_.bytes(); }

 private:
  static constexpr int64_t kNone = -1;
  struct Place {
    int64_t begin;
    int64_t size;  // kNone: no value
  };

  std::string_view ValueOf(uint32_t group) const {
    return {reinterpret_cast<const char*>(bytes_.data()) + places_[group].begin, static_cast<size_t>(places_[group].size)};
  }
  bool Better(std::string_view left, std::string_view right) const { return greatest_ ? left > right : left < right; }

  void FindBestRows(const GroupedRows& rows) {
    for (int64_t row = 0; row < rows.rows; ++row) {
      const auto value = rows_[row];
      if (value[0] == static_cast<char>(kNullMark)) continue;
      const uint32_t group = rows.groups[row];
      if (best_rows_[group] != kNone) {
        if (Better(value, rows_[best_rows_[group]])) best_rows_[group] = row;
      } else if (places_[group].size == kNone || Better(value, ValueOf(group))) {
        best_rows_[group] = row;
      }
    }
  }

  Status ReserveFor(const GroupedRows& rows) {
    int64_t more = 0;
    for (int64_t row = 0; row < rows.rows; ++row) {
      if (best_rows_[rows.groups[row]] == row) more += static_cast<int64_t>(rows_[row].size());
    }
    if (gap_bytes_ > bytes_.size() / 2 && gap_bytes_ > kGapBytesMin) ARROW_RETURN_NOT_OK(CloseGaps());
    return bytes_.Reserve(bytes_.size() + more);
  }

  void Put(uint32_t group, std::string_view value) {
    Place& place = places_[group];
    const auto size = static_cast<int64_t>(value.size());
    if (size > place.size) {
      gap_bytes_ += std::max<int64_t>(place.size, 0);
      place.begin = bytes_.size();
      (void)bytes_.Resize(bytes_.size() + size);  // reserved
    } else {
      gap_bytes_ += place.size - size;
    }
    place.size = size;
    std::memcpy(bytes_.data() + place.begin, value.data(), value.size());
  }

  Status CloseGaps() {
    PoolVector<uint8_t> dense(bytes_.pool());
    ARROW_RETURN_NOT_OK(dense.Reserve(bytes_.size() - gap_bytes_));
    for (int64_t group = 0; group < places_.size(); ++group) {
      Place& place = places_[group];
      if (place.size == kNone) continue;
      const int64_t begin = dense.size();
      (void)dense.Resize(begin + place.size);  // reserved
      std::memcpy(dense.data() + begin, bytes_.data() + place.begin, static_cast<size_t>(place.size));
      place.begin = begin;
    }
    bytes_ = std::move(dense);
    gap_bytes_ = 0;
    return Status::OK();
  }

  void ForgetBestRowsOf(const GroupedRows& rows) {
    for (int64_t row = 0; row < rows.rows; ++row) best_rows_[rows.groups[row]] = kNone;
  }

  static constexpr int64_t kGapBytesMin = 64 << 10;

  EncodedRows rows_;  // of the batch that was prepared
  PoolVector<int64_t> best_rows_;  // of that batch, by group
  PoolVector<Place> places_;
  PoolVector<uint8_t> bytes_;
  int64_t gap_bytes_ = 0;
};

}  // namespace

std::unique_ptr<ExtremeState> ExtremeState::Make(Extreme extreme, const std::shared_ptr<arrow::DataType>& type, arrow::MemoryPool* pool) {
  if (HasWords(*type)) return std::make_unique<WordExtremes>(extreme, type, pool);
  return std::make_unique<ByteExtremes>(extreme, type, pool);
}

}  // namespace millstream
