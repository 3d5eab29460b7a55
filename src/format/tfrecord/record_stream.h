#pragma once
/// The records of a TFRecord file, one after the other, with their checksums.

#include <memory>
#include <string_view>

#include "format/file_text.h"

namespace millstream {

class RecordStream {
 public:
  static Result<RecordStream> Open(Env& env, const ListedFile& listed, const std::string& reader, const ReadLimits& limits, arrow::MemoryPool* pool, int64_t first_bytes);

  /// The next record, which stays until the next call; false at the end. kCorruptData, with the record's number and byte, for one that is cut short, too long or does
  /// not have its checksum.
  Result<bool> Next(std::string_view* record);
  /// Whether, after an error of Next, it is known where the next record begins.
  bool can_go_on() const { return taken_ > 0; }
  /// Of the records given, with what surrounds them, in the decompressed file.
  int64_t bytes() const { return pieces_.begin() + static_cast<int64_t>(taken_); }
  /// Where the record given last begins, or the one that could not be given.
  int64_t record_begin() const { return pieces_.begin(); }
  Status Error(const std::string& what) const;
  /// The status, which has a kind and says what to do, of that record.
  Status OfRecord(const Status& status) const;

 private:
  static constexpr size_t kHeadBytes = 12;  // length and its checksum
  static constexpr size_t kTailBytes = 4;   // the record's checksum
  /// Where the next record would be in no file.
  static constexpr uint64_t kSkippedBytesMax = uint64_t{1} << 60;
  RecordStream(const ListedFile& listed, TextPieces pieces, int64_t record_bytes_max)
      : listed_(&listed), pieces_(std::move(pieces)), record_bytes_max_(static_cast<uint64_t>(record_bytes_max)) {}
  std::string Place() const;
  /// Reads on until so many bytes are there, or the file ends.
  Status Fill(size_t bytes);
  /// Goes on behind the record given last, of which not all may be there.
  Status TakeRecord();

  const ListedFile* listed_;
  TextPieces pieces_;
  uint64_t record_bytes_max_;
  size_t taken_ = 0;  // from the beginning of the pieces' text on: the record given last, or one that is too long
  int64_t number_ = -1;  // of that record
};

}  // namespace millstream
