#pragma once
/// Memory without a name that two processes see: how batches go to a worker process and come back.
///
/// The region is a file of memory (memfd) whose descriptor is handed over a socket; it is gone when both have closed it, or have died. Batches lie in it as
/// streams of Arrow's IPC format, one after the other, a new one where the schema changes. They are copied in once, and read where they lie.
/// Extension types that nobody registered come as their storage, with the field's metadata to tell.
///
///     ARROW_ASSIGN_OR_RAISE(auto region, SharedRegion::Make());
///     ARROW_ASSIGN_OR_RAISE(int64_t bytes, region->Write(batches));   // here
///     ARROW_ASSIGN_OR_RAISE(auto read, there->Read(bytes));           // in the process that adopted its descriptor
///
/// Who writes again while `in_use` on either side changes what is still read there.

#include <memory>

#include "udf/function_calls.h"

namespace millstream {

class SharedRegion {
 public:
  /// A new one, which may grow but never shrink: so nobody finds the memory gone that he has mapped.
  static Result<std::shared_ptr<SharedRegion>> Make();
  /// Of a descriptor that another process sent; the region closes it.
  static std::shared_ptr<SharedRegion> Adopt(int descriptor) { return std::shared_ptr<SharedRegion>(new SharedRegion(descriptor)); }
  ~SharedRegion();
  SharedRegion(const SharedRegion&) = delete;
  SharedRegion& operator=(const SharedRegion&) = delete;

  int descriptor() const { return descriptor_; }
  /// The most bytes that were ever written.
  int64_t size() const;
  /// Over what was there; the bytes that it took, 0 for no batches. kType for dictionaries of extension types, which Arrow's IPC format cannot hold.
  Result<int64_t> Write(const RecordBatches& batches);
  /// What was written in so many bytes. The batches share the region's memory, which outlives the region; they are not validated.
  Result<RecordBatches> Read(int64_t bytes);
  /// Whether a batch that was read last, or a part of it, is alive in this process.
  bool in_use() const { return !mapping_.expired(); }

 private:
  explicit SharedRegion(int descriptor) : descriptor_(descriptor) {}

  const int descriptor_;
  std::weak_ptr<arrow::Buffer> mapping_;
};

}  // namespace millstream
