#include "ingest/range_stream.h"

#include "format/file_ranges.h"

namespace millstream {
namespace {

class RangeStream : public PolledStream {
 public:
  RangeStream(const Engine& engine, std::shared_ptr<const ScanSource> ranges) : PolledStream(engine), ranges_(std::move(ranges)) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return ranges_->schema(); }
  Result<std::optional<StreamBatch>> TryNext(const Waker&) override {
    if (next_ == ranges_->tasks().size()) return StreamBatch{};
    const ScanTask& task = ranges_->tasks()[next_];
    StreamBatch batch{RangeOfTask(*ranges_, next_), {task.source, task.first_row + 1}, task.source, task.first_row, nullptr};
    ++next_;
    ++statistics_.rows;
    return batch;
  }
  void StopSoon() override { next_ = ranges_->tasks().size(); }
  void Close() override { StopSoon(); }
  std::vector<const StageStatistics*> stages() const override { return {&statistics_}; }

 private:
  const std::shared_ptr<const ScanSource> ranges_;
  size_t next_ = 0;
  StageStatistics statistics_{"Files"};
};

}  // namespace

PolledStreamPtr OpenRangeStream(const Engine& engine, std::shared_ptr<const ScanSource> ranges) { return std::make_unique<RangeStream>(engine, std::move(ranges)); }

}  // namespace millstream
