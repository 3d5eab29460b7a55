#include "spill/run_writer.h"

#include <algorithm>
#include <cstring>

namespace millstream {
namespace {

constexpr int64_t kPageBytes = ScratchFile::kAlignmentBytes;
constexpr int64_t kStagingBytesMin = 64 << 10;
/// Copied, then hashed while it is in the cache.
constexpr int64_t kCopyBytes = 32 << 10;

int64_t SumOf(const std::vector<RunWriter::Piece>& pieces) {
  int64_t bytes = 0;
  for (const auto& piece : pieces) bytes += piece.bytes;
  return bytes;
}

}  // namespace

int64_t FrameWriter::MemoryBytes(const BlockCodec* codec, int64_t staging_bytes) {
  return staging_bytes + kPageBytes + (codec == nullptr ? 0 : codec->scratch_bytes());
}

Result<std::unique_ptr<RunWriter>> FrameWriter::Make(std::shared_ptr<SpillFiles> files, const std::shared_ptr<SpillDisk>& disk,
                                                     BudgetPool& pool, int64_t staging_bytes) {
  if (staging_bytes < kStagingBytesMin || staging_bytes % kPageBytes != 0) {
    return MakeError(ErrorKind::kInvalidArgument,
                     "A staging buffer must have a multiple of 4096 bytes, at least 65536, not " + std::to_string(staging_bytes));
  }
  std::unique_ptr<FrameWriter> writer(new FrameWriter());
  ARROW_ASSIGN_OR_RAISE(writer->codec_, BlockCodec::Make(disk->options().codec));
  ARROW_ASSIGN_OR_RAISE(auto memory, pool.AllocateOwned(MemoryBytes(writer->codec_.get(), staging_bytes)));
  ARROW_ASSIGN_OR_RAISE(auto scratch_file, disk->NewFile());
  writer->staging_ = memory->mutable_data();
  writer->first_page_ = writer->staging_ + staging_bytes;
  writer->scratch_ = writer->first_page_ + kPageBytes;
  writer->staging_bytes_ = staging_bytes;
  writer->memory_ = std::move(memory);
  writer->file_ = std::make_shared<SpillFile>(std::move(scratch_file), disk);
  writer->number_ = files->Add(writer->file_);
  writer->files_ = std::move(files);
  return writer;
}

Result<FrameLocation> FrameWriter::Append(const RunAddress& address, const std::vector<Piece>& pieces) {
  FrameHeader header;
  header.address = address;
  header.codec = file_->disk().options().codec;
  header.payload_bytes = SumOf(pieces);
  header.offset = frame_start_;
  const int64_t most = FrameBytesOnDisk(codec_ == nullptr ? header.payload_bytes : BlockCodec::StoredBytesMax(header.payload_bytes));
  ARROW_RETURN_NOT_OK(file_->Grow(most));
  const Status written = WriteFrame(&header, pieces);
  if (!written.ok()) {
    TakeBack(header.offset);
    file_->Shrink(most);
    return file_->disk().Explain(written, most);
  }
  const int64_t on_disk = FrameBytesOnDisk(header.stored_bytes);
  file_->Shrink(most - on_disk);
  frame_start_ = header.offset + on_disk;
  return FrameLocation{number_, header.offset, header.payload_bytes, on_disk, address};
}

Status FrameWriter::WriteFrame(FrameHeader* header, const std::vector<Piece>& pieces) {
  const uint8_t no_header[FrameHeader::kBytes] = {};
  ARROW_RETURN_NOT_OK(PutStored(no_header, FrameHeader::kBytes));
  checksum_.Reset();
  const auto put = [&](const uint8_t* data, int64_t bytes) {
    header->stored_bytes += bytes;
    return PutStored(data, bytes);
  };
  if (codec_ != nullptr) {
    ARROW_RETURN_NOT_OK(codec_->Compress(pieces, scratch_, put));
  } else {
    for (const Piece& piece : pieces) ARROW_RETURN_NOT_OK(put(piece.data, piece.bytes));
  }
  header->checksum = checksum_.Digest();
  ARROW_RETURN_NOT_OK(PutPadding());
  return PutHeader(*header);
}

Status FrameWriter::PutStored(const uint8_t* data, int64_t bytes) {
  for (int64_t done = 0; done < bytes;) {
    if (fill_ == staging_bytes_) ARROW_RETURN_NOT_OK(WriteStaged());
    const int64_t part = std::min({bytes - done, staging_bytes_ - fill_, kCopyBytes});
    std::memcpy(staging_ + fill_, data + done, static_cast<size_t>(part));
    checksum_.Update(staging_ + fill_, part);
    fill_ += part;
    done += part;
  }
  return Status::OK();
}

Status FrameWriter::PutPadding() {
  const int64_t padding = (kPageBytes - fill_ % kPageBytes) % kPageBytes;
  std::memset(staging_ + fill_, 0, static_cast<size_t>(padding));
  fill_ += padding;
  return Status::OK();
}

/// The header comes last, for it holds lengths and checksum; a frame that has left the staging buffer has its first page written again.
Status FrameWriter::PutHeader(const FrameHeader& header) {
  if (frame_start_ >= staged_at_) {
    EncodeFrameHeader(header, staging_ + (frame_start_ - staged_at_));
    return Status::OK();
  }
  EncodeFrameHeader(header, first_page_);
  return file_->file().WriteAt(frame_start_, first_page_, kPageBytes);
}

Status FrameWriter::WriteStaged() {
  if (fill_ == 0) return Status::OK();
  ARROW_RETURN_NOT_OK(file_->disk().Timed([&] { return file_->file().WriteAt(staged_at_, staging_, fill_); }));
  const int64_t frame_in_staging = frame_start_ - staged_at_;
  if (frame_in_staging >= 0 && frame_in_staging < fill_) {
    std::memcpy(first_page_, staging_ + frame_in_staging, static_cast<size_t>(kPageBytes));
  }
  file_->disk().written += fill_;
  staged_at_ += fill_;
  fill_ = 0;
  file_->flushed_bytes = staged_at_;
  return Status::OK();
}

/// After an error: nothing of the frame stays, and all before it is where it was.
void FrameWriter::TakeBack(int64_t frame_start) {
  if (frame_start >= staged_at_) {
    fill_ = frame_start - staged_at_;
    return;
  }
  file_->flushed_bytes = frame_start;
  file_->file().Discard(frame_start, staged_at_ - frame_start);
  file_->disk().written -= staged_at_ - frame_start;
  staged_at_ = frame_start;
  fill_ = 0;
}

}  // namespace millstream
