#include "exec/stream_task.h"

#include <gtest/gtest.h>

namespace millstream {
namespace {

std::shared_ptr<Engine> SmallEngine() {
  EngineOptions options;
  options.num_cpus = 1;
  options.memory_limit_bytes = 1 << 20;
  return *Engine::Make(options);
}

TEST(StreamCore, ATaskThatBlocksRightAfterAFailureIsWoken) {
  StreamCore core(SmallEngine());
  int woken = 0;
  core.Block([&] { ++woken; });
  EXPECT_EQ(woken, 0);
  core.Fail(MakeError(ErrorKind::kIo, "broken"));
  EXPECT_EQ(woken, 1);
  core.Block([&] { ++woken; });
  EXPECT_EQ(woken, 2);
}

}  // namespace
}  // namespace millstream
