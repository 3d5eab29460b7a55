#pragma once
/// Objects of stores as files.

#include <arrow/io/interfaces.h>
#include <arrow/memory_pool.h>

#include <memory>
#include <string>

#include "base/status.h"
#include "env/read_ahead.h"

namespace millstream {

/// Why the store could not do `what` ("read") with the path, with the kind that it has.
Status StoreError(const Status& status, const char* what, const std::string& path);

/// `object`: may be read by others too. `ahead` may be null.
std::shared_ptr<arrow::io::RandomAccessFile> OpenStoreFile(std::shared_ptr<arrow::io::RandomAccessFile> object, std::string path, int64_t size, std::shared_ptr<ReadAhead> ahead,
                                                           arrow::MemoryPool* pool);

/// It is there once it is closed.
std::shared_ptr<arrow::io::OutputStream> CreateStoreFile(std::shared_ptr<arrow::io::OutputStream> object, std::string path);

}  // namespace millstream
