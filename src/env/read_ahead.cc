#include "env/read_ahead.h"

#include <algorithm>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/signals_blocked.h"

namespace millstream {
namespace {

constexpr size_t kThreadsMax = 16;
constexpr size_t kWaitingMax = 20'000;
constexpr int64_t kPartBytesMin = 256 << 10;
constexpr int64_t kPartBytesMax = 4 << 20;
/// Bytes between two ranges that are fetched with them rather than by a request of their own.
constexpr int64_t kGapBytesMax = 128 << 10;
constexpr auto kUnreadAge = std::chrono::seconds(10);

}  // namespace

ReadAhead::ReadAhead(ReadAheadMemory memory, Fetch fetch, std::function<void(const std::string& path)> done, std::shared_ptr<Env> clock)
    : memory_(std::move(memory)),
      fetch_(std::move(fetch)),
      object_done_(std::move(done)),
      clock_(std::move(clock)),
      part_bytes_(std::clamp<int64_t>(memory_.bytes / static_cast<int64_t>(kThreadsMax), kPartBytesMin, kPartBytesMax)) {}

std::vector<std::thread> ReadAhead::TakeThreads() {
  std::vector<std::thread> threads;
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    while (!waiting_.empty()) Drop(PartPtr(waiting_.front()));
    threads.swap(threads_);
  }
  work_.notify_all();
  return threads;
}

void ReadAhead::Stop() {
  for (std::thread& thread : TakeThreads()) thread.join();
}

void ReadAhead::Leave() {
  for (std::thread& thread : TakeThreads()) thread.detach();
}

void ReadAhead::WillRead(const std::string& path, const std::vector<ByteRange>& ranges) {
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    DropOld();
    PartPtr part;
    for (const ByteRange& range : ranges) {
      for (int64_t begin = std::max<int64_t>(range.begin, 0); begin < range.end && waiting_.size() < kWaitingMax;) {
        const bool joins = part != nullptr && begin >= part->end && begin - part->end <= kGapBytesMax && begin - part->begin < part_bytes_;
        if (!joins) {
          if (part != nullptr) AddPart(path, std::move(part));
          part = std::make_shared<Part>();
          part->path = path;
          part->begin = begin;
        }
        const int64_t end = std::min(range.end, part->begin + part_bytes_);
        part->end = end;
        part->unread_bytes += end - begin;
        begin = end;
      }
    }
    if (part != nullptr) AddPart(path, std::move(part));
  }
  work_.notify_all();
}

void ReadAhead::AddPart(const std::string& path, PartPtr part) {
  if (waiting_.size() >= kWaitingMax) return;
  PartsOfFile& parts = files_[path];
  const auto next = parts.lower_bound(part->end);
  const bool overlaps = next != parts.begin() && std::prev(next)->second->end > part->begin;
  if (overlaps) return;  // it was told before
  waiting_.push_back(part);
  parts.emplace(part->begin, std::move(part));
  if (threads_.size() >= kThreadsMax || waiting_.size() <= idle_threads_ || !clock_->BeforeThreadStart().ok()) return;
  const SignalsBlocked blocked;
  try {
    threads_.emplace_back([self = shared_from_this()] { self->Run(); });
  } catch (const std::system_error&) {  // those that there are do
  }
}

std::vector<ReadAhead::PartPtr> ReadAhead::Covering(const std::string& path, int64_t begin, int64_t bytes) {
  std::vector<PartPtr> covering;
  const auto file = files_.find(path);
  if (file == files_.end()) return covering;
  int64_t covered = begin;
  const int64_t end = begin + bytes;
  bool begun = true;
  for (auto next = file->second.upper_bound(begin); next != file->second.begin() && covered < end;) {
    const PartPtr& part = std::prev(next)->second;
    if (part->begin > covered || part->end <= covered) break;
    begun &= part->state != State::kWaiting;
    covering.push_back(part);
    covered = part->end;
    if (next == file->second.end()) break;
    ++next;
  }
  if (covered >= end && begun) return covering;
  for (const PartPtr& part : covering) {
    if (part->state == State::kWaiting) Drop(part);
  }
  return {};
}

bool ReadAhead::Take(const std::string& path, int64_t begin, int64_t bytes, uint8_t* out) {
  std::unique_lock lock(mutex_);
  DropOld();
  const auto parts = Covering(path, begin, bytes);
  if (parts.empty()) return false;
  fetched_.wait(lock, [&] { return std::all_of(parts.begin(), parts.end(), [](const PartPtr& part) { return part->state == State::kDone; }); });
  std::vector<std::shared_ptr<arrow::Buffer>> fetched;  // which lives on where somebody drops a part meanwhile
  for (const PartPtr& part : parts) {
    if (part->dropped) return false;
    fetched.push_back(part->bytes);
  }
  lock.unlock();
  const auto overlap = [&](const Part& part) { return ByteRange{std::max(begin, part.begin), std::min(begin + bytes, part.end)}; };
  for (size_t i = 0; i < parts.size(); ++i) {
    const ByteRange range = overlap(*parts[i]);
    std::memcpy(out + (range.begin - begin), fetched[i]->data() + (range.begin - parts[i]->begin), static_cast<size_t>(range.end - range.begin));
  }
  fetched.clear();
  lock.lock();
  for (const PartPtr& part : parts) {
    const ByteRange range = overlap(*part);
    part->unread_bytes -= range.end - range.begin;
    if (part->unread_bytes <= 0) Drop(part);
  }
  lock.unlock();
  work_.notify_all();
  return true;
}

void ReadAhead::Forget(const std::string& path) {
  std::lock_guard lock(mutex_);
  const auto file = files_.find(path);
  if (file == files_.end()) return;
  const PartsOfFile parts = file->second;
  for (const auto& [begin, part] : parts) Drop(part);
}

void ReadAhead::Drop(const PartPtr& part) {
  if (part->dropped) return;
  part->dropped = true;
  if (const auto file = files_.find(part->path); file != files_.end()) {
    file->second.erase(part->begin);
    if (file->second.empty()) {
      files_.erase(file);
      object_done_(part->path);
    }
  }
  if (part->state == State::kWaiting) std::erase(waiting_, part);
  if (part->state == State::kDone) FreeMemory(part);
}

void ReadAhead::FreeMemory(const PartPtr& part) {
  std::erase(done_, part);
  part->bytes.reset();
  held_bytes_ -= part->end - part->begin;
}

void ReadAhead::DropOld() {
  const auto now = clock_->Now();
  while (!done_.empty() && now - done_.front()->done_at > kUnreadAge) Drop(PartPtr(done_.front()));
}

ReadAhead::PartPtr ReadAhead::Begin() {
  if (waiting_.empty()) return nullptr;
  const int64_t bytes = waiting_.front()->end - waiting_.front()->begin;
  if (held_bytes_ + bytes > memory_.bytes) return nullptr;
  PartPtr part = std::move(waiting_.front());
  waiting_.pop_front();
  held_bytes_ += bytes;
  part->state = State::kFetching;
  return part;
}

int64_t ReadAhead::Fetched(const Part& part, uint8_t* out) const {
  try {
    return fetch_(part.path, part.begin, part.end - part.begin, out).ValueOr(-1);
  } catch (const std::exception&) {  // of a library; whoever reads it will hear why
    return -1;
  }
}

void ReadAhead::Run() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    const PartPtr part = Begin();
    if (part == nullptr) {
      ++idle_threads_;
      work_.wait(lock);
      --idle_threads_;
      continue;
    }
    lock.unlock();
    const int64_t size = part->end - part->begin;
    auto buffer = arrow::AllocateBuffer(size, memory_.pool.get());
    const bool whole = buffer.ok() && Fetched(*part, (*buffer)->mutable_data()) == size;
    lock.lock();
    part->state = State::kDone;
    part->done_at = clock_->Now();
    if (buffer.ok()) part->bytes = std::move(*buffer);
    done_.push_back(part);
    if (part->dropped) FreeMemory(part);
    else if (!whole) Drop(part);
    fetched_.notify_all();
  }
}

}  // namespace millstream
