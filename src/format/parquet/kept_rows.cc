#include <arrow/buffer.h>
#include <parquet/column_page.h>
#include <parquet/encoding.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "format/parquet/column_pages.h"
#include "format/parquet/flat_column.h"
#include "format/parquet/parquet_guard.h"

namespace millstream {
namespace {

/// Levels, and what must be decoded in a row, so many at a time: they stay in the nearest cache.
constexpr int64_t kCellsMax = 4 << 10;

[[noreturn]] void Damaged(const char* what) { throw parquet::ParquetException(what); }

bool IsDictionaryEncoding(parquet::Encoding::type encoding) {
  return encoding == parquet::Encoding::PLAIN_DICTIONARY || encoding == parquet::Encoding::RLE_DICTIONARY;
}

template <typename Value>
Value LoadValue(const uint8_t* values, int64_t index) {
  Value value;
  std::memcpy(&value, values + index * static_cast<int64_t>(sizeof(Value)), sizeof(Value));
  return value;
}

template <typename ParquetType>
class PagedReader : public KeptRowsReader {
 public:
  using Value = typename ParquetType::c_type;

  PagedReader(const parquet::ColumnDescriptor* column, std::unique_ptr<parquet::PageReader> pages, arrow::MemoryPool* pool, std::string where)
      : column_(column), pages_(std::move(pages)), pool_(pool), where_(std::move(where)), optional_(column->max_definition_level() == 1) {
    LeaveOutPages(pages_.get(), &unwanted_);
  }

  Result<int64_t> Read(int64_t count, std::span<const uint32_t> kept, uint8_t* values, uint8_t* valid) override {
    auto nulls = GuardParquet([&]() -> Result<int64_t> { return ReadRows(count, kept, {reinterpret_cast<Value*>(values), valid}); });
    if (!nulls.ok()) return DecodeError(nulls.status(), where_);
    return nulls;
  }

 private:
  struct Output {
    Value* values;
    uint8_t* valid;
    int64_t given = 0;
    int64_t nulls = 0;

    void Give(Value value) {
      values[given] = value;
      if (nulls > 0) valid[given] = 1;
      ++given;
    }
    void GiveNull() {
      if (nulls++ == 0) std::memset(valid, 1, static_cast<size_t>(given));
      values[given] = Value{};
      valid[given++] = 0;
    }
  };

  Result<int64_t> ReadRows(int64_t count, std::span<const uint32_t> kept, Output output) {
    for (int64_t row = 0; row < count;) {
      if (page_rows_ == 0) {
        const int64_t until_wanted = (kept.empty() ? count : static_cast<int64_t>(kept.front())) - row;
        unwanted_ = until_wanted;
        ARROW_RETURN_NOT_OK(OpenPage());
        row += until_wanted - std::exchange(unwanted_, 0);
        if (page_ == nullptr && row < count) Damaged("the column chunk ends before its row group does");
        continue;
      }
      const int64_t rows = std::min(count - row, page_rows_);
      const auto end = std::lower_bound(kept.begin(), kept.end(), row + rows);
      const auto of_page = kept.first(static_cast<size_t>(end - kept.begin()));
      kept = kept.subspan(of_page.size());
      ARROW_RETURN_NOT_OK(TakeRows(rows, of_page, row, &output));
      row += rows;
      page_rows_ -= rows;
    }
    return output.nulls;
  }

  /// The next one behind those that are not wanted; null at the end.
  Status OpenPage() {
    while ((page_ = pages_->NextPage()) != nullptr) {
      switch (page_->type()) {
        case parquet::PageType::DICTIONARY_PAGE:
          ARROW_RETURN_NOT_OK(KeepDictionary(static_cast<const parquet::DictionaryPage&>(*page_)));
          break;
        case parquet::PageType::DATA_PAGE: {
          const auto& page = static_cast<const parquet::DataPageV1&>(*page_);
          return OpenLevels(page, [&] { return levels_.SetData(page.definition_level_encoding(), 1, page.num_values(), page.data(), page.size()); });
        }
        case parquet::PageType::DATA_PAGE_V2: {
          const auto& page = static_cast<const parquet::DataPageV2&>(*page_);
          const int64_t before = int64_t{page.repetition_levels_byte_length()} + page.definition_levels_byte_length();
          if (page.repetition_levels_byte_length() < 0 || page.definition_levels_byte_length() < 0 || before > page.size()) Damaged("a page is shorter than its levels");
          return OpenLevels(page, [&] {
            levels_.SetDataV2(page.definition_levels_byte_length(), 1, page.num_values(), page.data() + page.repetition_levels_byte_length());
            return static_cast<int>(before);
          });
        }
        default:
          break;
      }
    }
    return Status::OK();
  }

  Status KeepDictionary(const parquet::DictionaryPage& page) {
    if (dictionary_ != nullptr) Damaged("the column chunk has two dictionaries");
    if (page.encoding() != parquet::Encoding::PLAIN && page.encoding() != parquet::Encoding::PLAIN_DICTIONARY) Damaged("the dictionary has an encoding that none may have");
    const int64_t bytes = page.num_values() * static_cast<int64_t>(sizeof(Value));
    if (bytes < 0 || bytes > page.size()) Damaged("the dictionary is shorter than it says");
    ARROW_ASSIGN_OR_RAISE(dictionary_, arrow::AllocateBuffer(bytes, pool_));
    std::memcpy(dictionary_->mutable_data(), page.data(), static_cast<size_t>(bytes));
    dictionary_size_ = static_cast<uint32_t>(page.num_values());
    return Status::OK();
  }

  /// `set_levels` lets the decoder of levels begin with the page and gives the bytes that they take.
  template <typename SetLevels>
  Status OpenLevels(const parquet::DataPage& page, const SetLevels& set_levels) {
    if (page.num_values() < 0) Damaged("a page says that it holds less than no values");
    int64_t level_bytes = 0;
    has_nulls_ = false;
    if (optional_) {
      level_bytes = set_levels();
      has_nulls_ = levels_.CountUpTo(1, page.num_values()).matching_count != page.num_values();
      if (has_nulls_) set_levels();
    }
    values_ = page.data() + level_bytes;
    value_bytes_ = page.size() - level_bytes;
    if (value_bytes_ < 0) Damaged("a page is shorter than its levels");
    page_rows_ = page.num_values();
    next_value_ = 0;
    OpenValues(page.encoding());
    return Status::OK();
  }

  void OpenValues(parquet::Encoding::type encoding) {
    plain_ = encoding == parquet::Encoding::PLAIN;
    coded_ = IsDictionaryEncoding(encoding);
    if (plain_) return;
    if (coded_) {
      if (codes_ == nullptr) codes_ = parquet::MakeDictDecoder<ParquetType>(column_, pool_);
      codes_->SetData(static_cast<int>(page_rows_), values_, static_cast<int>(value_bytes_));
      return;
    }
    decoder_ = parquet::MakeTypedDecoder<ParquetType>(encoding, column_, pool_);
    decoder_->SetData(static_cast<int>(page_rows_), values_, static_cast<int>(value_bytes_));
  }

  /// The next `rows` of the page, the first of which has the number `first`.
  Status TakeRows(int64_t rows, std::span<const uint32_t> kept, int64_t first, Output* output) {
    if (plain_ && !has_nulls_) {
      TakePlain(rows);
      for (const uint32_t row : kept) output->Give(LoadValue<Value>(cells_, row - first));
      return Status::OK();
    }
    for (int64_t begin = 0; begin < rows; begin += kCellsMax) {
      const int64_t some = std::min(kCellsMax, rows - begin);
      const auto end = std::lower_bound(kept.begin(), kept.end(), first + begin + some);
      const auto of_these = kept.first(static_cast<size_t>(end - kept.begin()));
      kept = kept.subspan(of_these.size());
      const int64_t values = has_nulls_ ? TakeLevels(some) : some;
      ARROW_RETURN_NOT_OK(TakeCells(values));
      for (const uint32_t row : of_these) {
        const int64_t i = row - first - begin;
        if (has_nulls_ && level_[static_cast<size_t>(i)] == 0) output->GiveNull();
        else output->Give(ValueAt(has_nulls_ ? place_[static_cast<size_t>(i)] : i));
      }
    }
    return Status::OK();
  }

  /// How many of the next rows have a value; and where each of those is among them.
  int64_t TakeLevels(int64_t rows) {
    if (levels_.Decode(static_cast<int>(rows), level_.data()) != rows) Damaged("a page holds fewer levels than it says");
    uint16_t values = 0;
    for (size_t i = 0; i < static_cast<size_t>(rows); ++i) {
      place_[i] = values;
      values += level_[i] != 0;
    }
    return values;
  }

  void TakePlain(int64_t values) {
    if ((next_value_ + values) * static_cast<int64_t>(sizeof(Value)) > value_bytes_) Damaged("a page holds fewer values than it says");
    cells_ = values_ + next_value_ * static_cast<int64_t>(sizeof(Value));
    next_value_ += values;
  }

  Status TakeCells(int64_t values) {
    if (plain_) {
      TakePlain(values);
      return Status::OK();
    }
    if (chunk_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(chunk_, arrow::AllocateBuffer(kCellsMax * static_cast<int64_t>(sizeof(Value)), pool_));
    }
    cells_ = chunk_->data();
    const int taken = coded_ ? codes_->DecodeIndices(static_cast<int>(values), chunk_->template mutable_data_as<int32_t>())
                             : decoder_->Decode(chunk_->template mutable_data_as<Value>(), static_cast<int>(values));
    if (taken != values) Damaged("a page holds fewer values than it says");
    return Status::OK();
  }

  Value ValueAt(int64_t i) const {
    if (!coded_) return LoadValue<Value>(cells_, i);
    const auto code = LoadValue<uint32_t>(cells_, i);
    if (code >= dictionary_size_) Damaged("a page has codes that its dictionary does not");
    return LoadValue<Value>(dictionary_->data(), code);
  }

  const parquet::ColumnDescriptor* const column_;
  const std::unique_ptr<parquet::PageReader> pages_;
  arrow::MemoryPool* const pool_;
  const std::string where_;
  const bool optional_;
  int64_t unwanted_ = 0;  // rows that whole pages may hold and be left out; not 0 only within OpenPage

  std::unique_ptr<arrow::Buffer> dictionary_;
  uint32_t dictionary_size_ = 0;
  std::unique_ptr<parquet::DictDecoder<ParquetType>> codes_;

  // Of the page in hand:
  std::shared_ptr<parquet::Page> page_;
  int64_t page_rows_ = 0;  // that are left
  bool has_nulls_ = false;
  bool plain_ = false;
  bool coded_ = false;
  const uint8_t* values_ = nullptr;
  int64_t value_bytes_ = 0;
  int64_t next_value_ = 0;
  parquet::LevelDecoder levels_;
  std::unique_ptr<parquet::TypedDecoder<ParquetType>> decoder_;  // of an encoding that is neither

  // Of the rows in hand:
  std::array<int16_t, kCellsMax> level_;
  std::array<uint16_t, kCellsMax> place_;
  std::unique_ptr<arrow::Buffer> chunk_;
  const uint8_t* cells_ = nullptr;  // values, or codes of them
};

}  // namespace

std::unique_ptr<KeptRowsReader> OpenKeptRows(parquet::RowGroupReader* group, int leaf, arrow::MemoryPool* pool, std::string where) {
  return OpenPages<PagedReader, KeptRowsReader>(group, leaf, pool, std::move(where));
}

}  // namespace millstream
