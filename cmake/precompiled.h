#include <arrow/api.h>
#include <arrow/util/future.h>
#include <parquet/arrow/reader.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>
