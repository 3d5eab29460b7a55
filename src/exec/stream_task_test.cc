#include "exec/stream_task.h"

#include <gtest/gtest.h>

#include "testing/test_engine.h"

namespace millstream {
namespace {

TEST(StreamCore, ATaskThatBlocksAfterTheStopIsWokenAtOnce) {
  testing_support::TestEngine host;
  int woken = 0;
  {
    StreamCore core(host.engine());
    core.Block([&] { ++woken; });
    EXPECT_EQ(woken, 0);
    core.Fail(MakeError(ErrorKind::kIo, "x"));
    EXPECT_EQ(woken, 1);
    // It looked at the signal before the stop, and blocks after it: nobody else would wake it.
    core.Block([&] { ++woken; });
    EXPECT_EQ(woken, 2);
  }
  EXPECT_EQ(host.Leftovers(), "");
}

}  // namespace
}  // namespace millstream
