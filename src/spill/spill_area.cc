#include "spill/spill_area.h"

namespace millstream {

Result<std::shared_ptr<SpillArea>> SpillArea::Open(SpillOptions options, std::shared_ptr<Env> env) {
  return MakeError(ErrorKind::kOther, "spilling is not there yet; raise memory_limit above the size of the data");
}

}  // namespace millstream
