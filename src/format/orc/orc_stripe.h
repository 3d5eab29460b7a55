#pragma once
/// What a stripe of an ORC file tells of itself, checked, and how many of its rows the library may be asked for at once: it makes room for all that lengths tell
/// of, before it looks whether it is there, and outside the engine's memory. The digits of a decimal it moves one by one, however many are told.

#include <string>
#include <string_view>
#include <vector>

#include "format/orc/orc_numbers.h"
#include "format/orc/orc_tail.h"

namespace millstream {

class OrcStripe {
 public:
  /// Reads the stripe's footer. All outlive it. Errors as of OrcTail::Read.
  static Result<OrcStripe> Read(const OrcTail& tail, arrow::io::RandomAccessFile* file, const ListedFile& listed, const ReadLimits& limits, const OrcTail::Stripe& stripe);

  /// So many of the columns with these numbers in the row that they take kBytesAtOnce or less, kRowsMax at most and 1 at least. kCorruptData for a row whose texts and
  /// lists may take more than limits.record_bytes.
  Result<int64_t> RowsAtOnce(const std::vector<int>& columns) const;

  static constexpr int64_t kRowsMax = 4096;
  static constexpr uint64_t kBytesAtOnce = 16 << 20;

 private:
  enum class Kind : uint64_t { kPresent = 0, kData = 1, kLength = 2, kDictionaryData = 3, kSecondary = 5 };
  struct Stream {
    uint64_t kind = 0, column = 0;
    int64_t begin = 0, bytes = 0;
  };
  struct Encoding {
    uint64_t kind = 0, dictionary_size = 0;
  };
  class Sizes;

  OrcStripe(const OrcTail& tail, arrow::io::RandomAccessFile* file, const ListedFile& listed, const ReadLimits& limits, const OrcTail::Stripe& stripe)
      : tail_(tail), file_(file), listed_(listed), limits_(limits), stripe_(stripe) {}
  Status ParseFooter(std::string_view message);
  Status AddStream(std::string_view message, int64_t* end);
  /// Null where there is none.
  const Stream* StreamOf(uint64_t column, Kind kind) const;

  const OrcTail& tail_;
  arrow::io::RandomAccessFile* const file_;
  const ListedFile& listed_;
  const ReadLimits& limits_;
  const OrcTail::Stripe stripe_;
  std::vector<Stream> streams_;
  std::vector<Encoding> encodings_;  // one a column
};

}  // namespace millstream
