#include "ingest/rebatch_stream.h"

#include <algorithm>

#include "ingest/window_batcher.h"

namespace millstream {
namespace {

constexpr int64_t kFloorBytesMax = 32 << 20;
constexpr int64_t kFloorShare = 32;  // of the limit

class RebatchStream : public PolledStream {
 public:
  RebatchStream(std::shared_ptr<Engine> engine, std::shared_ptr<Ledger> ledger, PolledStreamPtr input, const RebatchOptions& options)
      : PolledStream(*engine), engine_(std::move(engine)), ledger_(std::move(ledger)), input_(std::move(input)), options_(options) {}
  ~RebatchStream() override { Close(); }

  const std::shared_ptr<arrow::Schema>& schema() const override { return input_->schema(); }
  void Close() override {
    input_->Close();
    batcher_.reset();
  }
  std::vector<const StageStatistics*> stages() const override {
    auto stages = input_->stages();
    stages.push_back(&statistics_);
    return stages;
  }

  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override {
    while (!at_end_ && (batcher_ == nullptr || batcher_->RowsReady(false) == 0)) {
      ARROW_ASSIGN_OR_RAISE(auto batch, input_->TryNext(waker));
      if (!batch.has_value()) return batch;
      if (batch->data == nullptr) {
        at_end_ = true;
        break;
      }
      if (batcher_ == nullptr) batcher_ = std::make_unique<WindowBatcher>(options_.batch_rows);
      ReadyWindow window;
      window.source = batch->source;
      window.first_row = batch->first_row;
      window.unit = options_.within_source ? batch->source : 0;
      window.batch = std::move(batch->data);
      batcher_->Add(std::move(window));
    }
    const int64_t rows = batcher_ == nullptr ? 0 : batcher_->RowsReady(true);
    if (rows == 0 || (rows < options_.batch_rows && options_.drop_last)) return StreamBatch{};
    ARROW_ASSIGN_OR_RAISE(auto batch, batcher_->Take(HandOverPool::Make(ledger_, engine_->arena())));
    batch.source = static_cast<uint32_t>(batch.position.key);
    batch.first_row = batch.position.ties - batch.data->num_rows();
    statistics_.rows += batch.data->num_rows();
    return batch;
  }

 protected:
  StageStatistics* waiting_statistics() override { return &statistics_; }

 private:
  const std::shared_ptr<Engine> engine_;
  const std::shared_ptr<Ledger> ledger_;
  const PolledStreamPtr input_;
  const RebatchOptions options_;
  StageStatistics statistics_{"Batches"};
  std::unique_ptr<WindowBatcher> batcher_;
  bool at_end_ = false;
};

}  // namespace

Result<std::shared_ptr<Ledger>> ReserveBatches(const Engine& engine, int64_t bytes) {
  return Budget::Open(engine.budget(), "batches", bytes > 0 ? bytes : std::min(kFloorBytesMax, engine.budget()->limit_bytes() / kFloorShare));
}

Result<PolledStreamPtr> OpenRebatchStream(const std::shared_ptr<Engine>& engine, PolledStreamPtr input, const RebatchOptions& options) {
  auto ledger = options.ledger;
  if (ledger == nullptr) ARROW_RETURN_NOT_OK(ReserveBatches(*engine).Value(&ledger));
  return std::make_unique<RebatchStream>(engine, std::move(ledger), std::move(input), options);
}

}  // namespace millstream
