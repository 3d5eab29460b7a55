#pragma once
/// An Env that fails the i-th call of a kind, for fault loops, and counts calls and open files.
///
///   auto env = FaultEnv::Make(RealEnv());
///   env->FailCall(EnvCall::kWrite, 3, ErrorKind::kDiskFull);   // the fourth write from now on fails, later ones work
///   ... run a job: the right answer or a clean Status ...
///   EXPECT_EQ(env->open_files(), 0);
///
/// Thread-safe.

#include <memory>
#include <optional>

#include "env/env.h"

namespace millstream {

enum class EnvCall : uint8_t { kOpen, kCreate, kRead, kWrite, kClose, kStat, kList, kRename, kRemove, kSync, kSpace, kThreadStart, kLock };
inline constexpr int kEnvCalls = 13;
const char* NameOf(EnvCall call);

class FaultEnv : public Env {
 public:
  static std::shared_ptr<FaultEnv> Make(std::shared_ptr<Env> base);

  /// Counted from now, the call number `index` (from 0) of this kind fails with `kind`; it has no effect. One fault a kind at a time.
  virtual void FailCall(EnvCall call, int64_t index, ErrorKind kind = ErrorKind::kIo) = 0;
  /// Write number `index` from now writes half of its bytes, then fails with kDiskFull.
  virtual void ShortWrite(int64_t index) = 0;
  /// Read number `index` from now succeeds with bit `bit` (modulo its length) flipped.
  virtual void FlipBit(int64_t index, int64_t bit) = 0;
  /// The process is killed, as by kill -9, at call number `index` from now, before it has an effect. For children of a test.
  virtual void DieAtCall(EnvCall call, int64_t index) = 0;
  /// What SpaceOf says instead of the truth.
  virtual void PretendSpace(std::optional<Space> space) = 0;
  /// Takes all faults back.
  virtual void ClearFaults() = 0;

  /// Calls of a kind so far, and faults that have struck.
  virtual int64_t calls(EnvCall call) const = 0;
  virtual int64_t faults() const = 0;
  /// Files handed out and not destroyed: of all three sorts.
  virtual int64_t open_files() const = 0;
};

}  // namespace millstream
