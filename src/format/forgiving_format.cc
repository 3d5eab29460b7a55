#include "format/forgiving_format.h"

namespace millstream {
namespace {

/// Ends where the file turns out to be bad.
class ForgivingReader : public arrow::RecordBatchReader {
 public:
  ForgivingReader(std::shared_ptr<arrow::RecordBatchReader> reader, std::shared_ptr<arrow::Schema> schema, BadParts* bad) : reader_(std::move(reader)), schema_(std::move(schema)), bad_(bad) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    out->reset();
    if (reader_ == nullptr) return Status::OK();
    Status status = reader_->ReadNext(out);
    if (!IsBadData(status)) return status;
    out->reset();
    reader_ = nullptr;
    bad_->AddRest(std::move(status));
    return Status::OK();
  }

 private:
  std::shared_ptr<arrow::RecordBatchReader> reader_;
  const std::shared_ptr<arrow::Schema> schema_;
  BadParts* const bad_;
};

}  // namespace

Result<std::shared_ptr<arrow::RecordBatchReader>> ForgivingFormat::Read(const FileRange& range, arrow::MemoryPool* pool, BadParts* bad) const {
  const auto& options = bad_data_.options;
  auto reader = format_->Read(range, pool, options.row == OnBad::kRaise ? nullptr : bad);
  if (options.file == OnBad::kRaise) return reader;
  if (!reader.ok()) {
    if (!IsBadData(reader.status())) return reader.status();
    bad->AddRest(reader.status());
    return arrow::RecordBatchReader::Make({}, schema());
  }
  return std::make_shared<ForgivingReader>(std::move(*reader), schema(), bad);
}

Status WriteBadData(const BadData* bad_data, ByteWriter* out) {
  out->Number<uint8_t>(bad_data != nullptr);
  if (bad_data == nullptr) return Status::OK();
  out->Number<uint8_t>(static_cast<uint8_t>(bad_data->options.file));
  out->Number<uint8_t>(static_cast<uint8_t>(bad_data->options.row));
  out->Number<int64_t>(bad_data->options.errors_max);
  return WriteBadParts(bad_data->left_out, out);
}

Result<std::unique_ptr<BadData>> ReadBadData(ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(const auto there, in->Number<uint8_t>());
  if (there == 0) return std::unique_ptr<BadData>();
  auto bad_data = std::make_unique<BadData>();
  ARROW_ASSIGN_OR_RAISE(const auto file, in->Number<uint8_t>());
  ARROW_ASSIGN_OR_RAISE(const auto row, in->Number<uint8_t>());
  if (file > static_cast<uint8_t>(OnBad::kRecord) || row > static_cast<uint8_t>(OnBad::kRecord)) return in->Damaged();
  bad_data->options.file = static_cast<OnBad>(file);
  bad_data->options.row = static_cast<OnBad>(row);
  ARROW_ASSIGN_OR_RAISE(bad_data->options.errors_max, in->Number<int64_t>());
  ARROW_ASSIGN_OR_RAISE(bad_data->left_out, ReadBadParts(in));
  return bad_data;
}

}  // namespace millstream
