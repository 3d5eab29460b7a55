#pragma once
/// Parts of objects of stores, fetched before they are read: many requests under way at a time, in bounded memory.
///
/// Who reads a file tells what it will read (WillRead), in order; threads of this object fetch as much of that as there is memory for, and go on as parts are read.
/// What was not told, or has not been begun, is read by its reader itself. A part goes once all of it that was told has been read, or when nobody has read it
/// for a while.
///
/// Thread-safe. Nothing here waits but Take, for a part that is being fetched.

#include <arrow/buffer.h>
#include <arrow/memory_pool.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "env/env.h"

namespace millstream {

class ReadAhead : public std::enable_shared_from_this<ReadAhead> {
 public:
  /// Reads bytes of an object into memory, on any thread.
  using Fetch = std::function<Result<int64_t>(const std::string& path, int64_t begin, int64_t bytes, uint8_t* out)>;

  /// `done`: told when there is nothing more of an object here, with locks held. `clock`: of what nobody reads. Threads are started when there is something to fetch; they hold this object, until Stop or Leave.
  ReadAhead(ReadAheadMemory memory, Fetch fetch, std::function<void(const std::string& path)> done, std::shared_ptr<Env> clock);

  void WillRead(const std::string& path, const std::vector<ByteRange>& ranges);
  /// Whether the bytes were fetched, or are being: then they are in `out`. What cannot be fetched is not here either: whoever reads it will hear why.
  bool Take(const std::string& path, int64_t begin, int64_t bytes, uint8_t* out);
  /// Drops what there is of the object: it is another one now.
  void Forget(const std::string& path);
  /// Fetches nothing more; waits for what is being fetched.
  void Stop();
  /// The same without the wait.
  void Leave();

 private:
  enum class State : uint8_t { kWaiting, kFetching, kDone };
  struct Part {
    std::string path;
    int64_t begin = 0;
    int64_t end = 0;
    int64_t unread_bytes = 0;  // of those that were told
    State state = State::kWaiting;
    bool dropped = false;
    std::shared_ptr<arrow::Buffer> bytes;
    std::chrono::steady_clock::time_point done_at = {};
  };
  using PartPtr = std::shared_ptr<Part>;
  using PartsOfFile = std::map<int64_t, PartPtr>;  // by where they begin; no two overlap

  std::vector<std::thread> TakeThreads();
  void AddPart(const std::string& path, PartPtr part);
  /// The parts that the bytes lie in; none where some are in no part, or in one that is not begun, which then goes: its reader is here.
  std::vector<PartPtr> Covering(const std::string& path, int64_t begin, int64_t bytes);
  /// Nobody finds it any more.
  void Drop(const PartPtr& part);
  void FreeMemory(const PartPtr& part);
  void DropOld();
  /// The next part to fetch, with memory; null where there is none.
  PartPtr Begin();
  int64_t Fetched(const Part& part, uint8_t* out) const;
  void Run();

  const ReadAheadMemory memory_;
  const Fetch fetch_;
  const std::function<void(const std::string& path)> object_done_;
  const std::shared_ptr<Env> clock_;
  const int64_t part_bytes_;
  std::mutex mutex_;
  std::condition_variable work_;     // a part waits, or memory came back
  std::condition_variable fetched_;
  // Guarded by mutex_:
  std::map<std::string, PartsOfFile> files_;
  std::deque<PartPtr> waiting_;
  std::deque<PartPtr> done_;         // in the order in which they came
  int64_t held_bytes_ = 0;
  size_t idle_threads_ = 0;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace millstream
