#include "exec/row_streams.h"

#include <algorithm>
#include <mutex>

#include "column/gather.h"
#include "ops/apply_program.h"
#include "ops/conform_batch.h"

namespace millstream {
namespace {

/// What streams over one input have in common.
class OverStream : public PolledStream {
 public:
  OverStream(const Engine& engine, PolledStreamPtr input) : PolledStream(engine), input_(std::move(input)) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return input_->schema(); }
  void Close() override { input_->Close(); }
  void StopSoon() override { input_->StopSoon(); }
  std::vector<const StageStatistics*> stages() const override { return input_->stages(); }

 protected:
  PolledStreamPtr input_;
};

class LentStream : public PolledStream {
 public:
  LentStream(const Engine& engine, std::shared_ptr<PolledStream> stream) : PolledStream(engine), stream_(std::move(stream)) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return stream_->schema(); }
  std::optional<int64_t> total_rows() const override { return stream_->total_rows(); }
  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override { return stream_->TryNext(waker); }
  void Close() override { stream_->Close(); }
  void StopSoon() override { stream_->StopSoon(); }
  std::vector<const StageStatistics*> stages() const override { return stream_->stages(); }

 private:
  const std::shared_ptr<PolledStream> stream_;
};

class LimitStream : public OverStream {
 public:
  LimitStream(const Engine& engine, PolledStreamPtr input, int64_t rows, int64_t batch_rows_min)
      : OverStream(engine, std::move(input)), left_(rows), batch_rows_min_(batch_rows_min) {}

  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override {
    // Without a schema there is one batch to be had, for that.
    if (left_ == 0 && input_->schema() != nullptr) {
      input_->StopSoon();
      return StreamBatch{};
    }
    ARROW_ASSIGN_OR_RAISE(auto batch, input_->TryNext(waker));
    if (!batch.has_value() || batch->data == nullptr) return batch;
    if (batch->data->num_rows() > left_) batch->data = batch->data->Slice(0, left_);
    left_ -= batch->data->num_rows();
    if (batch->data->num_rows() < batch_rows_min_) return StreamBatch{};
    return batch;
  }

 private:
  int64_t left_;
  const int64_t batch_rows_min_;
};

class NumberedStream : public OverStream {
 public:
  using OverStream::OverStream;
  std::optional<int64_t> total_rows() const override { return input_->total_rows(); }
  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override {
    ARROW_ASSIGN_OR_RAISE(auto batch, input_->TryNext(waker));
    if (!batch.has_value() || batch->data == nullptr) return batch;
    batch->source = 0;
    batch->first_row = next_row_;
    next_row_ += batch->data->num_rows();
    batch->position = {0, next_row_};
    return batch;
  }

 private:
  int64_t next_row_ = 0;
};

class CoalescedStream : public OverStream {
 public:
  CoalescedStream(const Engine& engine, PolledStreamPtr input, int64_t rows_min, int64_t bytes_min)
      : OverStream(engine, std::move(input)), rows_min_(rows_min), bytes_min_(bytes_min) {}
  std::optional<int64_t> total_rows() const override { return input_->total_rows(); }

  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override {
    while (!at_end_ && rows_ < rows_min_ && bytes_ < bytes_min_) {
      ARROW_ASSIGN_OR_RAISE(auto batch, input_->TryNext(waker));
      if (!batch.has_value()) return std::nullopt;
      at_end_ = batch->data == nullptr;
      if (at_end_) break;
      const int64_t rows = batch->data->num_rows();
      const int64_t bytes = RowBytes(*batch->data);
      StreamBatch only;
      only.data = std::move(batch->data);
      if (small_.empty() && (rows >= rows_min_ || bytes >= bytes_min_)) return only;
      if (rows > 0) small_.push_back(std::move(only.data));
      rows_ += rows;
      bytes_ += bytes;
    }
    StreamBatch whole;
    if (!small_.empty()) ARROW_RETURN_NOT_OK(JoinBatches(small_, arrow::default_memory_pool()).Value(&whole.data));
    small_.clear();
    rows_ = bytes_ = 0;
    return whole;
  }
  void Close() override {
    small_.clear();
    OverStream::Close();
  }

 private:
  const int64_t rows_min_;
  const int64_t bytes_min_;
  std::vector<std::shared_ptr<arrow::RecordBatch>> small_;
  int64_t rows_ = 0;  // of them
  int64_t bytes_ = 0;
  bool at_end_ = false;
};

class SkipStream : public OverStream {
 public:
  SkipStream(const Engine& engine, PolledStreamPtr input, int64_t rows) : OverStream(engine, std::move(input)), left_(rows) {}

  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override {
    for (;;) {
      ARROW_ASSIGN_OR_RAISE(auto batch, input_->TryNext(waker));
      if (!batch.has_value() || batch->data == nullptr || left_ == 0) return batch;
      const int64_t rows = std::min(left_, batch->data->num_rows());
      left_ -= rows;
      if (rows == batch->data->num_rows()) continue;
      batch->data = batch->data->Slice(rows);
      batch->first_row += rows;
      return batch;
    }
  }

 private:
  int64_t left_;
};

/// Gives what was taken from the input to look at it once more.
class PeekedStream : public OverStream {
 public:
  PeekedStream(const Engine& engine, PolledStreamPtr input, StreamBatch first) : OverStream(engine, std::move(input)), first_(std::move(first)) {}
  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override {
    if (!first_.has_value()) return input_->TryNext(waker);
    return std::exchange(first_, std::nullopt);
  }

 private:
  std::optional<StreamBatch> first_;
};

class DeferredStream : public PolledStream {
 public:
  DeferredStream(const Engine& engine, PolledStreamPtr input, OpenOver open)
      : PolledStream(engine), engine_(engine), input_(std::move(input)), open_(std::move(open)) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return opened_ == nullptr ? schema_ : opened_->schema(); }

  std::optional<int64_t> total_rows() const override { return opened_ == nullptr ? std::nullopt : opened_->total_rows(); }
  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override {
    if (closed_) return StreamBatch{};
    if (opened_ != nullptr) return opened_->TryNext(waker);
    if (schema_ != nullptr) return StreamBatch{};
    ARROW_ASSIGN_OR_RAISE(auto first, input_->TryNext(waker));
    if (!first.has_value()) return std::nullopt;
    if (first->data == nullptr && (input_->schema() == nullptr || input_->schema()->num_fields() == 0)) {
      schema_ = arrow::schema({});
      return StreamBatch{};
    }
    ARROW_RETURN_NOT_OK(failed_);
    {
      std::lock_guard lock(mutex_);
      failed_ = open_(std::make_unique<PeekedStream>(engine_, LendStream(engine_, input_), std::move(*first))).Value(&opened_);
    }
    ARROW_RETURN_NOT_OK(failed_);
    return opened_->TryNext(waker);
  }

  void Close() override {
    closed_ = true;
    if (opened_ != nullptr) opened_->Close();
    input_->Close();
  }
  std::vector<const StageStatistics*> stages() const override {
    std::lock_guard lock(mutex_);
    return opened_ != nullptr ? opened_->stages() : input_->stages();
  }

 private:
  const Engine& engine_;  // the input's streams keep it
  const std::shared_ptr<PolledStream> input_;
  const OpenOver open_;
  Status failed_;
  mutable std::mutex mutex_;  // between opening and stages()
  PolledStreamPtr opened_;
  std::shared_ptr<arrow::Schema> schema_;  // of an input that never had one
  bool closed_ = false;
};

/// What streams over several inputs have in common.
class OverStreams : public PolledStream {
 public:
  OverStreams(const Engine& engine, std::vector<PolledStreamPtr> inputs) : PolledStream(engine), inputs_(std::move(inputs)), first_(inputs_.size()) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  void Close() override {
    for (const auto& input : inputs_) input->Close();
  }
  void StopSoon() override {
    for (const auto& input : inputs_) input->StopSoon();
  }
  std::vector<const StageStatistics*> stages() const override {
    std::vector<const StageStatistics*> stages;
    for (const auto& input : inputs_) {
      const auto below = input->stages();
      stages.insert(stages.end(), below.begin(), below.end());
    }
    return stages;
  }

 protected:
  /// The types of all inputs brought together, of the first batches of those whose functions decide them. False where the waker was kept.
  Result<bool> FindSchema(const std::string& stage, const Waker& waker) {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (inputs_[i]->schema() != nullptr || first_[i].has_value()) continue;
      ARROW_ASSIGN_OR_RAISE(first_[i], inputs_[i]->TryNext(waker));
      if (!first_[i].has_value()) return false;
    }
    auto common = arrow::schema({});
    for (const auto& input : inputs_) ARROW_RETURN_NOT_OK(CommonSchema(stage, *common, *input->schema()).Value(&common));
    schema_ = std::move(common);
    return true;
  }
  Result<std::optional<StreamBatch>> TakeFrom(size_t input, const Waker& waker) {
    if (first_[input].has_value()) return std::exchange(first_[input], std::nullopt);
    return inputs_[input]->TryNext(waker);
  }

  std::vector<PolledStreamPtr> inputs_;
  std::shared_ptr<arrow::Schema> schema_;

 private:
  std::vector<std::optional<StreamBatch>> first_;  // taken for their schemas
};

class UnionStream : public OverStreams {
 public:
  UnionStream(const Engine& engine, std::vector<PolledStreamPtr> inputs, std::shared_ptr<arrow::Schema> schema) : OverStreams(engine, std::move(inputs)) {
    schema_ = std::move(schema);
  }

  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override {
    if (schema_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(const bool found, FindSchema(kUnionStage, waker));
      if (!found) return std::nullopt;
    }
    while (next_ < inputs_.size()) {
      ARROW_ASSIGN_OR_RAISE(auto batch, TakeFrom(next_, waker));
      if (!batch.has_value()) return batch;
      if (batch->data == nullptr) {
        inputs_[next_++]->StopSoon();
        sources_before_ = sources_;
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(batch->data, ConformBatch(kUnionStage, batch->data, schema_, arrow::default_memory_pool()));
      batch->source += sources_before_;
      batch->position.key += sources_before_;
      sources_ = std::max(sources_, batch->source + 1);
      return batch;
    }
    return StreamBatch{};
  }

 private:
  size_t next_ = 0;
  uint32_t sources_before_ = 0;
  uint32_t sources_ = 0;
};

/// Rows of one input at a time, of the one that is furthest behind its share.
class MixStream : public OverStreams {
 public:
  MixStream(const Engine& engine, std::vector<PolledStreamPtr> inputs, std::vector<double> weights, bool stop_on_shortest, std::shared_ptr<arrow::Schema> schema)
      : OverStreams(engine, std::move(inputs)), weights_(std::move(weights)), stop_on_shortest_(stop_on_shortest), sides_(inputs_.size()) {
    schema_ = std::move(schema);
  }

  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override {
    if (schema_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(const bool found, FindSchema(kMixStage, waker));
      if (!found) return std::nullopt;
    }
    for (;;) {
      const size_t side = FurthestBehind();
      if (side == sides_.size()) return StreamBatch{};
      ARROW_ASSIGN_OR_RAISE(const bool there, Fill(side, waker));
      if (!there) return std::nullopt;
      if (sides_[side].batch != nullptr) return Run(&sides_[side]);
      if (!stop_on_shortest_) continue;
      for (Side& other : sides_) other.ended = true;
      StopSoon();
      return StreamBatch{};
    }
  }

 private:
  /// So many rows of one input come together.
  static constexpr int64_t kRunRows = 32;
  struct Side {
    std::shared_ptr<arrow::RecordBatch> batch;  // rows that are left of it
    double rows = 0;                            // given
    bool ended = false;
  };

  size_t FurthestBehind() const {
    size_t furthest = sides_.size();
    for (size_t side = 0; side < sides_.size(); ++side) {
      if (sides_[side].ended) continue;
      if (furthest == sides_.size() || sides_[side].rows / weights_[side] < sides_[furthest].rows / weights_[furthest]) furthest = side;
    }
    return furthest;
  }

  Result<bool> Fill(size_t index, const Waker& waker) {
    Side& side = sides_[index];
    while (side.batch == nullptr && !side.ended) {
      ARROW_ASSIGN_OR_RAISE(auto batch, TakeFrom(index, waker));
      if (!batch.has_value()) return false;
      side.ended = batch->data == nullptr;
      if (side.ended || batch->data->num_rows() == 0) continue;
      ARROW_ASSIGN_OR_RAISE(side.batch, ConformBatch(kMixStage, batch->data, schema_, arrow::default_memory_pool()));
    }
    return true;
  }

  StreamBatch Run(Side* side) {
    StreamBatch out;
    const int64_t rows = std::min(kRunRows, side->batch->num_rows());
    out.data = side->batch->Slice(0, rows);
    side->batch = rows < side->batch->num_rows() ? side->batch->Slice(rows) : nullptr;
    side->rows += static_cast<double>(rows);
    out.first_row = next_row_;
    next_row_ += rows;
    out.position = {0, next_row_};
    return out;
  }

  const std::vector<double> weights_;
  const bool stop_on_shortest_;
  std::vector<Side> sides_;
  int64_t next_row_ = 0;
};

class ZipStream : public OverStreams {
 public:
  ZipStream(const Engine& engine, std::vector<PolledStreamPtr> inputs, NameColumns names)
      : OverStreams(engine, std::move(inputs)), names_(std::move(names)), sides_(inputs_.size()) {}

  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override {
    for (size_t side = 0; side < sides_.size(); ++side) {
      ARROW_ASSIGN_OR_RAISE(const bool there, Fill(side, waker));
      if (!there) return std::nullopt;
    }
    if (schema_ == nullptr) MakeSchema();
    const bool any_ended = std::any_of(sides_.begin(), sides_.end(), [](const Side& side) { return side.ended; });
    if (any_ended) return End();
    return Join();
  }

 private:
  struct Side {
    std::shared_ptr<arrow::RecordBatch> batch;  // rows that are left of it; null where more must be taken
    int64_t rows = 0;                           // taken so far
    bool ended = false;
  };

  Result<bool> Fill(size_t index, const Waker& waker) {
    Side& side = sides_[index];
    while (side.batch == nullptr && !side.ended) {
      ARROW_ASSIGN_OR_RAISE(auto batch, inputs_[index]->TryNext(waker));
      if (!batch.has_value()) return false;
      side.ended = batch->data == nullptr;
      if (side.ended || batch->data->num_rows() == 0) continue;
      side.rows += batch->data->num_rows();
      side.batch = std::move(batch->data);
    }
    return true;
  }

  void MakeSchema() {
    std::vector<std::vector<std::string>> names;
    std::vector<std::shared_ptr<arrow::Field>> fields;
    for (const auto& input : inputs_) {
      names.push_back(input->schema()->field_names());
      fields.insert(fields.end(), input->schema()->fields().begin(), input->schema()->fields().end());
    }
    const auto zipped = names_(names);
    for (size_t i = 0; i < fields.size(); ++i) fields[i] = fields[i]->WithName(zipped[i]);
    schema_ = arrow::schema(std::move(fields));
  }

  Result<std::optional<StreamBatch>> End() {
    std::string numbers;
    bool equal = true;
    for (const Side& side : sides_) {
      numbers += (numbers.empty() ? "" : ", ") + std::string(side.ended ? "" : "at least ") + std::to_string(side.rows);
      equal &= side.ended;
    }
    if (equal) return StreamBatch{};
    return MakeError(ErrorKind::kInvalidArgument, "zip: the data sets have different numbers of rows (" + numbers + "); cut them to one length with limit()");
  }

  Result<std::optional<StreamBatch>> Join() {
    int64_t rows = sides_[0].batch->num_rows();
    for (const Side& side : sides_) rows = std::min(rows, side.batch->num_rows());
    std::vector<std::shared_ptr<arrow::ArrayData>> columns;
    for (Side& side : sides_) {
      const auto part = side.batch->Slice(0, rows);
      for (int column = 0; column < part->num_columns(); ++column) columns.push_back(part->column_data(column));
      side.batch = rows == side.batch->num_rows() ? nullptr : side.batch->Slice(rows);
    }
    StreamBatch out;
    out.data = arrow::RecordBatch::Make(schema_, rows, std::move(columns));
    out.first_row = next_row_;
    next_row_ += rows;
    out.position = {0, next_row_};
    return out;
  }

  const NameColumns names_;
  std::vector<Side> sides_;
  int64_t next_row_ = 0;
};

}  // namespace

PolledStreamPtr LendStream(const Engine& engine, std::shared_ptr<PolledStream> stream) { return std::make_unique<LentStream>(engine, std::move(stream)); }

PolledStreamPtr OpenLimitStream(const Engine& engine, PolledStreamPtr input, int64_t rows, int64_t batch_rows_min) {
  return std::make_unique<LimitStream>(engine, std::move(input), rows, batch_rows_min);
}

PolledStreamPtr OpenNumberedStream(const Engine& engine, PolledStreamPtr input) { return std::make_unique<NumberedStream>(engine, std::move(input)); }

PolledStreamPtr OpenSkipStream(const Engine& engine, PolledStreamPtr input, int64_t rows) {
  return std::make_unique<SkipStream>(engine, std::move(input), rows);
}

PolledStreamPtr OpenDeferredStream(const Engine& engine, PolledStreamPtr input, OpenOver open) {
  return std::make_unique<DeferredStream>(engine, std::move(input), std::move(open));
}

PolledStreamPtr OpenCoalescedStream(const Engine& engine, PolledStreamPtr input, int64_t rows_min, int64_t bytes_min) {
  return std::make_unique<CoalescedStream>(engine, std::move(input), rows_min, bytes_min);
}

PolledStreamPtr OpenUnionStream(const Engine& engine, std::vector<PolledStreamPtr> inputs, std::shared_ptr<arrow::Schema> schema) {
  return std::make_unique<UnionStream>(engine, std::move(inputs), std::move(schema));
}

PolledStreamPtr OpenMixStream(const Engine& engine, std::vector<PolledStreamPtr> inputs, std::vector<double> weights, bool stop_on_shortest,
                              std::shared_ptr<arrow::Schema> schema) {
  return std::make_unique<MixStream>(engine, std::move(inputs), std::move(weights), stop_on_shortest, std::move(schema));
}

PolledStreamPtr OpenZipStream(const Engine& engine, std::vector<PolledStreamPtr> inputs, NameColumns names) {
  return std::make_unique<ZipStream>(engine, std::move(inputs), std::move(names));
}

}  // namespace millstream
