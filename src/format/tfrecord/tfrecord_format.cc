#include "format/tfrecord/tfrecord_format.h"

#include <algorithm>

#include "format/limits.h"
#include "format/schema_bytes.h"
#include "format/tfrecord/record_stream.h"
#include "task/for_each.h"

namespace millstream {
namespace {

constexpr const char* kName = "read_tfrecords";
constexpr size_t kSampleFiles = 64;
constexpr int64_t kSampleBytes = 1 << 20;  // of a file
constexpr int64_t kPieceBytes = 1 << 20;
constexpr int64_t kBatchRows = 4096;
constexpr int64_t kBatchValues = 1 << 18;
constexpr int64_t kBatchBytes = 1 << 20;

class ExampleReader : public arrow::RecordBatchReader {
 public:
  ExampleReader(RecordStream records, ExampleBuilder rows, std::shared_ptr<arrow::Schema> schema, BadParts* bad)
      : records_(std::move(records)), rows_(std::move(rows)), schema_(std::move(schema)), bad_(bad) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    out->reset();
    const int64_t begin = records_.bytes();
    const int64_t rows_max = std::clamp<int64_t>(kBatchValues / schema_->num_fields(), 1, kBatchRows);
    // No batch is the end.
    while (rows_.rows() == 0 || (rows_.rows() < rows_max && records_.bytes() - begin < kBatchBytes)) {
      std::string_view record;
      const auto more = records_.Next(&record);
      if (!more.ok()) {
        if (bad_ == nullptr || !IsBadData(more.status()) || !records_.can_go_on()) return more.status();
        bad_->AddRow(records_.record_begin(), more.status());
        continue;
      }
      if (!*more) break;
      const Status added = rows_.Add(record);
      if (added.ok()) continue;
      if (added.IsOutOfMemory()) return added;
      Status error = added.detail() != nullptr ? records_.OfRecord(added) : records_.Error(added.message() + "; tf_schema tells what there is");
      if (bad_ == nullptr) return error;
      bad_->AddRow(records_.record_begin(), std::move(error));
      if (rows_.rows() > 0) break;
      ARROW_RETURN_NOT_OK(rows_.Finish().status());  // without what was begun of the row
    }
    return rows_.rows() == 0 ? Status::OK() : rows_.Finish().Value(out);
  }

 private:
  RecordStream records_;
  ExampleBuilder rows_;
  const std::shared_ptr<arrow::Schema> schema_;
  BadParts* const bad_;  // may be null
};

}  // namespace

Result<std::shared_ptr<const TfRecordFormat>> TfRecordFormat::Make(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, FeatureShapes given,
                                                                   const ReadLimits& limits, Scheduler* scheduler, BadFiles* bad) {
  std::shared_ptr<TfRecordFormat> format(new TfRecordFormat(std::move(env), std::move(files), limits));
  ARROW_RETURN_NOT_OK(format->FindFeatures(std::move(given), scheduler, bad));
  return format;
}

Status TfRecordFormat::FindFeatures(FeatureShapes features, Scheduler* scheduler, BadFiles* bad) {
  struct Sample {
    FeatureShapes features;
    int64_t records = 0;
    int64_t bytes = 0;
  };
  std::vector<Sample> samples(std::min(kSampleFiles, files_->size()));
  const auto file_of = [&](size_t sample) -> const ListedFile& { return (*files_)[sample * files_->size() / samples.size()]; };
  ARROW_RETURN_NOT_OK(ForEach(scheduler, static_cast<int64_t>(samples.size()), [&](int64_t i) {
    Sample& sample = samples[static_cast<size_t>(i)];
    const auto look = [&]() -> Status {
      ARROW_ASSIGN_OR_RAISE(auto records, RecordStream::Open(*env_, file_of(static_cast<size_t>(i)), kName, limits_, arrow::default_memory_pool(), 64 << 10));
      while (sample.records == 0 || records.bytes() < kSampleBytes) {
        std::string_view record;
        const auto more = records.Next(&record);
        if (!more.ok() && bad != nullptr && IsBadData(more.status()) && records.can_go_on()) continue;
        ARROW_RETURN_NOT_OK(more.status());
        if (!*more) break;
        FeatureShapes before;
        if (bad != nullptr) before = sample.features;
        const Status added = AddExample(record, limits_.columns, &sample.features);
        if (!added.ok() && bad == nullptr) return added.detail() != nullptr ? records.OfRecord(added) : records.Error(added.message());
        if (!added.ok()) {
          sample.features = std::move(before);
          continue;
        }
        ++sample.records;
        sample.bytes = records.bytes();
      }
      return Status::OK();
    };
    const Status looked = look();
    // Where such records are passed over, reading tells of them.
    return bad != nullptr && IsBadData(looked) ? Status::OK() : looked;
  }));
  int64_t records = 0, bytes = 0, all_bytes = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    FeatureShapes with = features;
    bool fits = true;
    for (const auto& [name, shape] : samples[i].features) {
      const Status added = AddShape(name, shape, &with);
      fits &= added.ok();
      if (added.ok()) continue;
      const Status error = MakeError(ErrorKind::kType, "read_tfrecords: file " + file_of(i).path + ": " + added.message() + "; read such files as data sets of their own");
      ARROW_RETURN_NOT_OK(Noted(bad, i * files_->size() / samples.size(), error));
    }
    if (fits) features = std::move(with);
    records += samples[i].records;
    bytes += samples[i].bytes;
  }
  if (bad != nullptr) ARROW_RETURN_NOT_OK(bad->first());
  for (const ListedFile& file : *files_) all_bytes += file.size_bytes;
  rows_guess_ = bytes == 0 ? 0 : static_cast<int64_t>(static_cast<double>(records) * static_cast<double>(all_bytes) / static_cast<double>(bytes));
  schema_ = SchemaOf(features);
  if (schema_->num_fields() == 0) return MakeError(ErrorKind::kInvalidArgument, "read_tfrecords: the records have no features, so that there are no columns");
  return CheckSchema(*schema_, limits_, "read_tfrecords");
}

Result<std::shared_ptr<arrow::RecordBatchReader>> TfRecordFormat::Read(const FileRange& range, arrow::MemoryPool* pool, BadParts* bad) const {
  ARROW_ASSIGN_OR_RAISE(auto records, RecordStream::Open(*env_, (*files_)[range.file], kName, limits_, pool, kPieceBytes));
  ARROW_ASSIGN_OR_RAISE(auto rows, ExampleBuilder::Make(schema_, has_all_columns_, limits_.columns, pool));
  return std::make_shared<ExampleReader>(std::move(records), std::move(rows), schema_, bad);
}

Result<std::shared_ptr<const FileFormat>> TfRecordFormat::Select(const std::vector<std::string>& names) const {
  std::shared_ptr<TfRecordFormat> selected(new TfRecordFormat(*this));
  selected->schema_ = FieldsOf(*schema_, names);
  selected->has_all_columns_ = false;
  return selected;
}

Status TfRecordFormat::Write(ByteWriter* out) const {
  out->Number<uint8_t>(has_all_columns_);
  WriteLimits(limits_, out);
  out->Number<int64_t>(rows_guess_);
  return WriteSchema(*schema_, out);
}

Result<std::shared_ptr<const TfRecordFormat>> TfRecordFormat::Read(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(const auto has_all, in->Number<uint8_t>());
  ReadLimits limits;
  ARROW_RETURN_NOT_OK(ReadLimitsFrom(in, &limits));
  std::shared_ptr<TfRecordFormat> format(new TfRecordFormat(std::move(env), std::move(files), limits));
  ARROW_ASSIGN_OR_RAISE(const auto rows, in->Number<int64_t>());
  ARROW_ASSIGN_OR_RAISE(format->schema_, ReadSchema(in));
  format->has_all_columns_ = has_all != 0;
  format->rows_guess_ = std::max<int64_t>(rows, 0);
  return format;
}

}  // namespace millstream
