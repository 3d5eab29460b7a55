#include "udf/function_calls.h"

#include <arrow/util/byte_size.h>

#include <algorithm>
#include <chrono>

namespace millstream {
namespace {

constexpr size_t kPartsMax = 2;  // of a call, that have not been taken
constexpr auto kInterruptionInterval = std::chrono::milliseconds(50);

int64_t BytesOf(const arrow::RecordBatch& batch) {
  const auto bytes = arrow::util::ReferencedBufferSize(batch);
  return bytes.ok() ? *bytes : 0;
}

int64_t BytesOf(const RecordBatches& batches) {
  int64_t bytes = 0;
  for (const auto& batch : batches) bytes += BytesOf(*batch);
  return bytes;
}

}  // namespace

FunctionCalls::FunctionCalls(std::shared_ptr<Engine> engine, std::vector<CalledFunction> functions, std::shared_ptr<Ledger> ledger, const EpochKey& epoch)
    : core_(std::move(engine)), ledger_(std::move(ledger)), spare_bytes_(ledger_->floor_bytes()), epoch_(epoch) {
  for (CalledFunction& function : functions) {
    statistics_.emplace_back(std::move(function.stage));
    name_sources_.push_back(std::move(function.name_source));
  }
}

uint64_t FunctionCalls::RandomKey(const FunctionCall& call) const { return MakeSourceKey(epoch_, call.source).KeyOfRow(static_cast<uint64_t>(call.begin_row)); }

std::string FunctionCalls::Origin(const FunctionCall& call, int64_t row) const {
  const std::string rows = "rows " + std::to_string(call.begin_row) + " to " + std::to_string(std::max(call.end_row - 1, call.begin_row));
  const std::string source = " of " + name_sources_[static_cast<size_t>(call.step)](call.source);
  if (row < 0) return rows + source;
  const bool all_kept = call.rows == call.end_row - call.begin_row;
  if (all_kept) return "row " + std::to_string(call.begin_row + row) + source;
  return "the one that is left as number " + std::to_string(row) + " of " + rows + source;
}

std::optional<FunctionCall> FunctionCalls::TakeLocked() {
  if (waiting_.empty()) return std::nullopt;
  FunctionCall call = std::move(waiting_.front());
  waiting_.pop_front();
  return call;
}

Waker FunctionCalls::TakeServerLocked() {
  if (servers_.empty()) return nullptr;
  Waker server = std::move(servers_.back());
  servers_.pop_back();
  return server;
}

std::optional<FunctionCall> FunctionCalls::Take(const std::function<bool()>& interrupted) {
  const auto began = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  while (waiting_.empty() && !closed_ && !poked_) {
    added_.wait_for(lock, kInterruptionInterval);
    if (!waiting_.empty() || closed_ || poked_ || !interrupted) continue;
    lock.unlock();
    if (interrupted()) return std::nullopt;
    lock.lock();
  }
  statistics_.front().wait_in_nanoseconds += std::chrono::nanoseconds(std::chrono::steady_clock::now() - began).count();
  if (waiting_.empty()) poked_ = false;
  return TakeLocked();
}

std::optional<FunctionCall> FunctionCalls::TryTake(const Waker& waker, bool* closed) {
  std::unique_lock lock(mutex_);
  *closed = closed_;
  if (waiting_.empty() && std::exchange(poked_, false)) {
    lock.unlock();
    waker();
    return std::nullopt;
  }
  if (waiting_.empty() && !closed_) servers_.push_back(waker);
  return TakeLocked();
}

std::optional<FunctionCall> FunctionCalls::TryTake() {
  std::lock_guard lock(mutex_);
  return TakeLocked();
}

void FunctionCalls::Poke() {
  Waker server;
  {
    std::lock_guard lock(mutex_);
    poked_ = true;
    server = TakeServerLocked();
  }
  added_.notify_one();
  if (server) server();
}

void FunctionCalls::Add(StreamBatch batch) {
  const int64_t bytes = BytesOf(*batch.data);
  Waker server;
  {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    short_of_memory_ = !ledger_->TryCharge(bytes);
    if (short_of_memory_) ledger_->ForceCharge(bytes);
    held_bytes_ += bytes;
    FunctionCall call;
    call.number = added_count_++;
    if (call.number == 0 || batch.source != last_source_) last_row_ = 0;
    last_source_ = batch.source;
    call.rows = batch.data->num_rows();
    call.source = batch.source;
    call.begin_row = std::exchange(last_row_, batch.position.ties);
    call.end_row = batch.position.ties;
    taken_[call.number] = {call, bytes};
    call.batch = std::move(batch.data);
    call.group_starts = std::move(batch.group_starts);
    waiting_.push_back(std::move(call));
    server = TakeServerLocked();
  }
  added_.notify_one();
  if (server) server();
}

void FunctionCalls::Hold(int64_t number, const RecordBatches& batches) {
  const int64_t bytes = BytesOf(batches);
  std::lock_guard lock(mutex_);
  const auto found = taken_.find(number);
  if (closed_ || found == taken_.end()) return;
  const int64_t before = std::exchange(found->second.bytes, bytes);
  ledger_->ForceCharge(bytes);
  ledger_->Release(before);
  held_bytes_ += bytes - before;
}

void FunctionCalls::AddHeld(int64_t calls) {
  {
    std::lock_guard lock(mutex_);
    held_calls_ += calls;
  }
  if (calls > 0) core_.WakeBlocked();
}

void FunctionCalls::Give(int64_t number, Result<RecordBatches> batches, NextBatch more, SkippedErrors skipped) {
  {
    std::lock_guard lock(mutex_);
    const auto found = taken_.find(number);
    if (closed_ || found == taken_.end()) return;
    const Taken taken = std::move(found->second);
    taken_.erase(found);
    NumberInSource(taken.call, &skipped);
    FunctionResult result{batches.status(), {}, std::move(more), 0, std::move(skipped)};
    if (batches.ok()) result.batches = std::move(*batches);
    GiveLocked(taken, {std::move(result)});
  }
  core_.WakeConsumer();
}

void FunctionCalls::GiveInParts(int64_t number, std::vector<FunctionResult> parts) {
  {
    std::lock_guard lock(mutex_);
    const auto found = taken_.find(number);
    if (closed_ || found == taken_.end()) return;
    const Taken taken = std::move(found->second);
    taken_.erase(found);
    GiveLocked(taken, std::move(parts));
  }
  core_.WakeConsumer();
}

void FunctionCalls::GiveLocked(const Taken& taken, std::vector<FunctionResult> parts) {
  ledger_->Release(taken.bytes);
  held_bytes_ -= taken.bytes;
  for (FunctionResult& part : parts) {
    part.source = taken.call.source;
    const int64_t bytes = BytesOf(part.batches) + (part.more ? taken.bytes : 0);
    ledger_->ForceCharge(bytes);
    held_bytes_ += bytes;
    Done done{std::move(part), bytes};
    if (&part == &parts.back()) done_.emplace(taken.call.number, std::move(done));
    else parts_[taken.call.number].push_back(std::move(done));
  }
}

bool FunctionCalls::MakeRoomLocked(int64_t number, int64_t bytes) {
  const auto parts = parts_.find(number);
  const size_t waiting = parts == parts_.end() ? 0 : parts->second.size();
  // What the consumer waits for always comes; what is ahead of it keeps to what is reserved.
  const bool wanted = number == given_out_ && waiting == 0;
  if (!wanted && (waiting >= kPartsMax || ledger_->used_bytes() + bytes > ledger_->floor_bytes())) return false;
  if (!ledger_->TryCharge(bytes)) ledger_->ForceCharge(bytes);
  return true;
}

bool FunctionCalls::GivePart(int64_t number, RecordBatches batches) {
  const int64_t bytes = BytesOf(batches);
  {
    std::unique_lock lock(mutex_);
    const auto found = taken_.find(number);
    if (closed_ || found == taken_.end()) return false;
    FunctionResult part;
    part.batches = std::move(batches);
    part.source = found->second.call.source;
    room_.wait(lock, [&] { return closed_ || MakeRoomLocked(number, bytes); });
    if (closed_) return false;
    held_bytes_ += bytes;
    parts_[number].push_back({std::move(part), bytes});
  }
  core_.WakeConsumer();
  return true;
}

void FunctionCalls::End() {
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
  }
  if (steps() > 1) Poke();
  core_.WakeConsumer();
}

int64_t FunctionCalls::calls_total() const {
  std::lock_guard lock(mutex_);
  return ended_ ? added_count_ : -1;
}

int64_t FunctionCalls::under_way() const {
  std::lock_guard lock(mutex_);
  return added_count_ - given_out_ - held_calls_;
}

bool FunctionCalls::closed() const {
  std::lock_guard lock(mutex_);
  return closed_;
}

bool FunctionCalls::short_of_memory() const {
  std::lock_guard lock(mutex_);
  return short_of_memory_ && added_count_ - held_calls_ > given_out_;
}

std::optional<FunctionCalls::Done> FunctionCalls::TakeDoneLocked() {
  std::optional<Done> done;
  if (const auto parts = parts_.find(given_out_); parts != parts_.end()) {
    done = std::move(parts->second.front());
    parts->second.pop_front();
    if (parts->second.empty()) parts_.erase(parts);
  } else if (const auto found = done_.find(given_out_); found != done_.end()) {
    done = std::move(found->second);
    done_.erase(found);
    ++given_out_;
    short_of_memory_ = false;
  }
  return done;
}

void FunctionCalls::NumberInSource(const FunctionCall& call, SkippedErrors* skipped) {
  const bool all_kept = call.rows == call.end_row - call.begin_row;
  for (SkippedError& error : skipped->errors) {
    if (error.of_file) continue;
    error.rows = error.first_row < 0 ? call.rows : error.last_row - error.first_row + 1;
    const bool known = all_kept && error.first_row >= 0;
    error.last_row = known ? call.begin_row + error.last_row : std::max(call.end_row - 1, call.begin_row);
    error.first_row = known ? call.begin_row + error.first_row : call.begin_row;
  }
}

void FunctionCalls::CountSkipped(FunctionResult* result) {
  SkippedErrors& skipped = result->skipped;
  if (skipped.errors.empty()) return;
  const auto step = static_cast<size_t>(result->step);
  DeadLetters& letters = statistics_[step].dead_letters;
  for (SkippedError& error : skipped.errors) {
    if (!error.recorded) {
      letters.Pass(error.rows);
      continue;
    }
    std::string source = error.path.empty() ? name_sources_[step](result->source) : std::move(error.path);
    letters.Add({std::move(source), error.first_row, error.last_row, error.byte, std::move(error.error), nullptr}, std::move(error.traceback), error.rows);
  }
  skipped.errors.clear();
  const bool too_many = skipped.errors_max >= 0 && letters.count() > skipped.errors_max;
  if (too_many && result->status.ok()) {
    result->status = std::move(skipped.too_many);
    result->batches.clear();
  }
  skipped.too_many = Status::OK();
}

std::optional<std::unique_ptr<FunctionResult>> FunctionCalls::TryTakeResult(const Waker& waker) {
  std::unique_ptr<FunctionResult> result;
  {
    std::lock_guard lock(mutex_);
    auto done = TakeDoneLocked();
    if (!done.has_value()) {
      if (ended_ && given_out_ == added_count_) {
        ledger_->TrySetFloor(0);  // others may run before this is closed
        return std::unique_ptr<FunctionResult>();
      }
      core_.BlockConsumer(waker);
      return std::nullopt;
    }
    result = std::make_unique<FunctionResult>(std::move(done->result));
    ledger_->Release(done->bytes);
    held_bytes_ -= done->bytes;
  }
  room_.notify_all();
  core_.WakeBlocked();
  CountSkipped(result.get());
  return result;
}

void FunctionCalls::Close() {
  std::deque<FunctionCall> waiting;
  std::map<int64_t, Done> done;
  std::map<int64_t, std::deque<Done>> parts;
  std::vector<Waker> servers;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    waiting.swap(waiting_);
    done.swap(done_);
    parts.swap(parts_);
    servers.swap(servers_);
    taken_.clear();
    ledger_->Release(std::exchange(held_bytes_, 0));
    // Now, for a function that is still in a call would keep it until that returns.
    ledger_->TrySetFloor(0);
  }
  added_.notify_all();
  room_.notify_all();
  for (const Waker& server : servers) server();
}

}  // namespace millstream
