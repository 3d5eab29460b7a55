#include "testing/fault_env.h"

#include <arrow/buffer.h>
#include <gtest/gtest.h>

#include "testing/temporary_directory.h"

namespace millstream {
namespace {

TEST(FaultEnv, FailsTheCallItWasToldTo) {
  TemporaryDirectory directory;
  auto env = FaultEnv::Make(RealEnv());
  {
    auto out = *env->CreateForWrite(directory / "a");
    env->FailCall(EnvCall::kWrite, 1, ErrorKind::kDiskFull);
    EXPECT_TRUE(out->Write("one", 3).ok());
    EXPECT_EQ(KindOf(out->Write("two", 3)), ErrorKind::kDiskFull);
    EXPECT_TRUE(out->Write("three", 5).ok());
    EXPECT_TRUE(out->Close().ok());
    EXPECT_EQ(env->open_files(), 1);
  }
  auto in = *env->OpenForRead(directory / "a");
  EXPECT_EQ((*in->Read(100))->ToString(), "onethree");
  env->FailCall(EnvCall::kRead, 0);
  EXPECT_EQ(KindOf(in->ReadAt(0, 3).status()), ErrorKind::kIo);
  EXPECT_EQ((*in->ReadAt(0, 3))->ToString(), "one");
  env->FailCall(EnvCall::kRename, 0, ErrorKind::kPermission);
  EXPECT_EQ(KindOf(env->Rename(directory / "a", directory / "b")), ErrorKind::kPermission);
  EXPECT_TRUE(env->Stat(directory / "a").ok());
  env->FailCall(EnvCall::kThreadStart, 2);
  EXPECT_TRUE(env->BeforeThreadStart().ok() && env->BeforeThreadStart().ok());
  EXPECT_FALSE(env->BeforeThreadStart().ok());
  EXPECT_EQ(env->faults(), 4);
  EXPECT_EQ(env->calls(EnvCall::kWrite), 3);
  in.reset();
  EXPECT_EQ(env->open_files(), 0);
}

TEST(FaultEnv, WritesHalfAndFlipsABit) {
  TemporaryDirectory directory;
  auto env = FaultEnv::Make(RealEnv());
  auto out = *env->CreateForWrite(directory / "a");
  env->ShortWrite(0);
  EXPECT_EQ(KindOf(out->Write("12345678", 8)), ErrorKind::kDiskFull);
  auto in = *env->OpenForRead(directory / "a");
  EXPECT_EQ((*in->ReadAt(0, 100))->ToString(), "1234");
  env->FlipBit(1, 9);
  EXPECT_EQ((*in->ReadAt(0, 100))->ToString(), "1234");
  EXPECT_EQ((*in->ReadAt(0, 100))->ToString(), "1034");
  EXPECT_EQ((*in->ReadAt(0, 100))->ToString(), "1234");
}

TEST(FaultEnv, ClearedFaultsDoNotStrike) {
  auto env = FaultEnv::Make(RealEnv());
  env->FailCall(EnvCall::kThreadStart, 0);
  env->ClearFaults();
  EXPECT_TRUE(env->BeforeThreadStart().ok());
  EXPECT_EQ(env->faults(), 0);
  env->PretendSpace(Env::Space{17, true});
  EXPECT_EQ(env->SpaceOf("anywhere")->free_bytes, 17);
}

}  // namespace
}  // namespace millstream
