#include "ingest/window_batcher.h"

#include <algorithm>

#include "ops/apply_program.h"

namespace millstream {

WindowBatcher::~WindowBatcher() { Clear(); }

void WindowBatcher::Clear() {
  for (Waiting& waiting : waiting_) {
    if (waiting.window.memory != nullptr) used_up_.push_back(std::move(waiting.window.memory));
  }
  EndCharges(&used_up_);
  EndCharges(&delivered_);
  waiting_.clear();
  parts_.clear();
  rows_waiting_ = front_rows_ = 0;
}

void WindowBatcher::Add(ReadyWindow window) {
  if (window.batch->num_rows() == 0) {
    if (window.memory != nullptr) window.memory->EndCharge();
    return;
  }
  const int64_t rows = window.batch->num_rows();
  rows_waiting_ += rows;
  // Units come one after the other, so the last window tells whether the front's is still coming.
  if (waiting_.empty() || (waiting_.back().window.unit == waiting_.front().window.unit && waiting_.front().window.unit == window.unit)) front_rows_ += rows;
  waiting_.push_back({std::move(window), 0, 0});
}

int64_t WindowBatcher::RowsReady(bool at_end) const {
  if (!parts_.empty()) return parts_rows_;
  if (rows_waiting_ == 0) return 0;
  const bool complete = at_end || front_rows_ >= batch_rows_ || waiting_.back().window.unit != waiting_.front().window.unit;
  return complete ? std::min(front_rows_, batch_rows_) : 0;
}

void WindowBatcher::CountFront() {
  front_rows_ = 0;
  for (const Waiting& waiting : waiting_) {
    if (waiting.window.unit != waiting_.front().window.unit) return;
    front_rows_ += waiting.window.batch->num_rows() - waiting.begin;
  }
}

std::shared_ptr<arrow::RecordBatch> WindowBatcher::TakeSlice(int64_t rows) {
  Waiting& front = waiting_.front();
  const int64_t left = front.window.batch->num_rows() - front.begin;
  const int64_t taken = std::min(rows, left);
  auto slice = taken == front.window.batch->num_rows() ? front.window.batch : front.window.batch->Slice(front.begin, taken);
  front.begin += taken;
  rows_waiting_ -= taken;
  front_rows_ -= taken;
  if (front.window.selected == nullptr) {
    front.input_row += taken;
  } else {
    const uint8_t* selected = front.window.selected->data();
    for (int64_t found = 0; found < taken; ++front.input_row) found += selected[front.input_row] != 0;
  }
  position_ = {front.window.source, front.window.first_row + front.input_row};
  if (taken == left) {
    if (front.window.memory != nullptr) used_up_.push_back(std::move(front.window.memory));
    waiting_.pop_front();
    if (front_rows_ == 0) CountFront();
  }
  return slice;
}

void WindowBatcher::EndCharges(std::vector<std::shared_ptr<HandOverPool>>* windows) {
  for (const auto& window : *windows) window->EndCharge();
  windows->clear();
}

Result<StreamBatch> WindowBatcher::Take(const std::shared_ptr<HandOverPool>& pool) {
  if (parts_.empty()) parts_rows_ = RowsReady(/*at_end=*/true);
  int64_t wanted = parts_.empty() ? parts_rows_ : 0;
  while (wanted > 0) {
    parts_.push_back(TakeSlice(wanted));
    wanted -= parts_.back()->num_rows();
  }
  StreamBatch out{parts_[0], position_};
  const bool joined = parts_.size() > 1;
  if (joined) {
    ARROW_ASSIGN_OR_RAISE(out.data, JoinBatches(parts_, pool.get()));
    pool->EndCharge();
  }
  parts_.clear();
  EndCharges(&delivered_);
  if (joined) EndCharges(&used_up_);
  else delivered_.swap(used_up_);
  return out;
}

}  // namespace millstream
