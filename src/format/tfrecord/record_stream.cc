#include "format/tfrecord/record_stream.h"

#include <algorithm>
#include <cstring>

#include "format/limits.h"
#include "format/tfrecord/crc32c.h"

namespace millstream {
namespace {

uint32_t Number32(std::string_view bytes) {
  uint32_t value;
  std::memcpy(&value, bytes.data(), 4);
  return value;
}

}  // namespace

Result<RecordStream> RecordStream::Open(Env& env, const ListedFile& listed, const std::string& reader, const ReadLimits& limits, arrow::MemoryPool* pool, int64_t first_bytes) {
  ReadLimits of_pieces = limits;
  of_pieces.line_bytes = limits.record_bytes + static_cast<int64_t>(kHeadBytes + kTailBytes);
  ARROW_ASSIGN_OR_RAISE(auto pieces, TextPieces::Open(env, listed, reader, of_pieces, pool, first_bytes));
  return RecordStream(listed, std::move(pieces), limits.record_bytes);
}

std::string RecordStream::Place() const {
  return "file " + listed_->path + ", record " + std::to_string(number_) + ", at byte " + std::to_string(pieces_.begin());
}

Status RecordStream::Error(const std::string& what) const {
  return MakeError(ErrorKind::kCorruptData, Place() + ": " + what + "; write the file again, or leave it out");
}

Status RecordStream::OfRecord(const Status& status) const { return WithContext(status, Place()); }

Status RecordStream::Fill(size_t bytes) {
  while (pieces_.text().size() < bytes && !pieces_.at_end()) ARROW_RETURN_NOT_OK(pieces_.Grow());
  return Status::OK();
}

Status RecordStream::TakeRecord() {
  while (taken_ > 0) {
    const size_t there = std::min(taken_, pieces_.text().size());
    pieces_.Take(there);
    taken_ -= there;
    if (taken_ == 0) break;
    if (pieces_.at_end()) {
      taken_ = 0;
      return Error("the file ends within it");
    }
    ARROW_RETURN_NOT_OK(pieces_.Grow());
  }
  return Status::OK();
}

Result<bool> RecordStream::Next(std::string_view* record) {
  ARROW_RETURN_NOT_OK(TakeRecord());
  ARROW_RETURN_NOT_OK(Fill(kHeadBytes));
  if (pieces_.text().empty()) return false;
  ++number_;
  const std::string_view head = pieces_.text().substr(0, kHeadBytes);
  if (head.size() < kHeadBytes) return Error("the file ends within it");
  uint64_t length;
  std::memcpy(&length, head.data(), 8);
  if (MaskedCrc32c(head.substr(0, 8)) != Number32(head.substr(8))) return Error("its length does not have its checksum, so that the file is damaged or is no TFRecord file");
  if (length > record_bytes_max_) {
    if (length <= kSkippedBytesMax) taken_ = kHeadBytes + static_cast<size_t>(length) + kTailBytes;
    return OfRecord(OverLimit("it has " + std::to_string(length) + " bytes, more than the " + std::to_string(record_bytes_max_) + " that are read", "record_bytes"));
  }
  const size_t all = kHeadBytes + static_cast<size_t>(length) + kTailBytes;
  ARROW_RETURN_NOT_OK(Fill(all));
  if (pieces_.text().size() < all) return Error("the file ends within it");
  *record = pieces_.text().substr(kHeadBytes, static_cast<size_t>(length));
  taken_ = all;
  if (MaskedCrc32c(*record) != Number32(pieces_.text().substr(all - kTailBytes))) return Error("it does not have its checksum");
  return true;
}

}  // namespace millstream
