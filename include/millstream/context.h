#pragma once
/// A context: the processors, the memory and the spill directory that data sets read with share.
///
/// There is no global one. A program makes one, usually at its start, and hands it to the sources it opens:
///
///   ARROW_ASSIGN_OR_RAISE(auto context, millstream::Context::Make({.memory_limit = 2LL << 30}));
///   ARROW_ASSIGN_OR_RAISE(auto flights, millstream::Dataset::ReadParquet(context, {"flights"}));
///
/// A Context is a handle: copies refer to the same engine, which ends (threads joined, files gone) when the last copy and the last iterator are gone. Any
/// thread may use it. After a fork the child must make its own; calls on an inherited one give ErrorKind::kStale.

#include <arrow/filesystem/type_fwd.h>
#include <arrow/result.h>

#include <cstdint>
#include <memory>
#include <string>

#include "millstream/export.h"

namespace millstream {

class Engine;

struct ContextOptions {
  /// Threads that read and shuffle. 0: the least of the process's affinity and its cgroup's quota.
  int num_cpus = 0;
  /// Bytes that decoders, queues, the shuffle and prefetched batches may hold together; beyond it the shuffle spills. 0: half of what the cgroup or the
  /// machine allows. A batch that was handed out is no longer counted.
  int64_t memory_limit = 0;
  /// Where spilled data goes, as files without a name. Empty: $TMPDIR or /tmp. Opened when a plan first needs it; a directory in memory (tmpfs) is refused.
  std::string spill_directory = {};
};

class MILLSTREAM_EXPORT Context {
 public:
  /// Starts the threads. kInvalidArgument for negative numbers.
  static arrow::Result<Context> Make(ContextOptions options = {});

  /// Paths that begin with `prefix` ("lake://") are of this file system from now on, which is given what comes behind it: readers and writers take them. Paths of
  /// s3://, gs://, abfs:// and hdfs:// need no such word: credentials and endpoints are found where those stores' own programs look. kInvalidArgument for a prefix that does
  /// not end in "://".
  arrow::Status AddStore(const std::string& prefix, std::shared_ptr<arrow::fs::FileSystem> store);

  /// What was asked for, or found where nothing was asked.
  int num_cpus() const;
  int64_t memory_limit() const;
  const std::string& spill_directory() const;

  /// Bytes of the limit in use now, and the most since the context was made.
  int64_t memory_used() const;
  int64_t memory_peak() const;

 private:
  friend class Dataset;
  friend class DataIterator;
  friend class GroupedData;
  explicit Context(std::shared_ptr<Engine> engine);
  std::shared_ptr<Engine> engine_;
};

}  // namespace millstream
