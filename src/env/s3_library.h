#pragma once
/// Arrow's S3 client of this copy of Arrow: loaded and started when first needed, ended once.
///
/// It lives in a library of its own beside libarrow (14 MB that a program without S3 never maps). It belongs to our copy of Arrow alone: a
/// pyarrow in the same process starts and ends its own. Any thread may call these.
///
/// The client must be ended before the process's static objects go, else the process crashes on exit; at exit that happens by itself, in
/// Python earlier still, before the interpreter is taken down. Ending waits for calls that are under way.

#include <arrow/filesystem/filesystem.h>

#include <map>
#include <memory>
#include <string>

#include "base/status.h"

namespace millstream {

/// Loads and starts the client unless it runs. kIo if its library is not there or does not load, naming the file; kStale once it was ended,
/// and in a child forked after it was started, where its threads are missing.
Status EnsureS3Initialized();

/// A client of a store, started where it is not. `options`: as MakeNativeStore; without any what AWS's own programs find: the environment (AWS_ACCESS_KEY_ID,
/// AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL, …), the files in ~/.aws, or the machine's role. kInvalidArgument for an option that is not known.
Result<std::shared_ptr<arrow::fs::FileSystem>> MakeS3Store(std::map<std::string, std::string> options);

/// Has it ended at exit before the static objects that exist now. The client makes some when it is first used, which go before those that were there already: to be called
/// after that once more.
void FinalizeS3AtExit();

/// Whether it runs in this process: started here, not ended.
bool IsS3Initialized();

/// Ends the client if it runs. For good: Arrow does not start it twice.
Status FinalizeS3();

}  // namespace millstream
