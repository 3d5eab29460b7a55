#include "format/ipc/ipc_writer.h"

#include <arrow/ipc/writer.h>

#include "format/library_writer.h"

namespace millstream {
namespace {

/// A part of a batch, as it is and compressed.
constexpr int64_t kPartsBytes = 4 << 20;

}  // namespace

const CompressionTypes& IpcWriteFormat::Compressions() {
  using arrow::Compression;
  static const CompressionTypes kTypes = {Compression::LZ4_FRAME, Compression::ZSTD, Compression::UNCOMPRESSED};
  return kTypes;
}

Status IpcWriteFormat::Check(const arrow::Schema& schema) const { return CheckHasColumns(schema, "Arrow IPC"); }

int64_t IpcWriteFormat::EncodeBytes(const arrow::Schema&, int64_t, int64_t) const { return kPartsBytes; }

Result<std::unique_ptr<FileWriter>> IpcWriteFormat::Open(Env& env, const FileToWrite& file) const {
  const auto open = [&](arrow::io::OutputStream* sink, const std::shared_ptr<arrow::Schema>& schema) -> Result<std::shared_ptr<arrow::ipc::RecordBatchWriter>> {
    auto options = arrow::ipc::IpcWriteOptions::Defaults();
    options.memory_pool = file.pool.get();
    options.use_threads = false;
    if (compression_ != arrow::Compression::UNCOMPRESSED) {
      ARROW_ASSIGN_OR_RAISE(options.codec, arrow::util::Codec::Create(compression_));
    }
    return arrow::ipc::MakeFileWriter(sink, schema, options);
  };
  return OpenBatchWriter(env, file, arrow::Compression::UNCOMPRESSED, HasDictionary, open);
}

}  // namespace millstream
