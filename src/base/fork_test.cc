#include "base/fork.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace millstream {
namespace {

TEST(ForkGuard, KnowsThatItWasInherited) {
  ForkGuard guard;
  EXPECT_FALSE(guard.inherited());
  const pid_t child = fork();
  if (child == 0) _exit(guard.inherited() && !ForkGuard().inherited() ? 0 : 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(guard.inherited());
}

}  // namespace
}  // namespace millstream
