#include "memory/host_limits.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <thread>

namespace millstream {
namespace {

/// cgroup v1 says "no limit" by the largest multiple of a page; nothing real is near it.
constexpr int64_t kUnlimitedBytes = int64_t{1} << 60;

std::optional<std::string> ReadSystemFile(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> Fields(const std::string& line, char separator) {
  std::vector<std::string> fields;
  std::istringstream stream(line);
  for (std::string field; std::getline(stream, field, separator);) fields.push_back(field);
  return fields;
}

bool Contains(const std::vector<std::string>& fields, const std::string& wanted) {
  return std::find(fields.begin(), fields.end(), wanted) != fields.end();
}

/// The leading number of a text, -1 if there is none.
int64_t NumberIn(const std::string& text) {
  const size_t start = std::min(text.find_first_not_of(" \n\t"), text.size());
  int64_t number = -1;
  const auto [end, error] = std::from_chars(text.data() + start, text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range) return INT64_MAX;
  return error == std::errc() ? number : -1;
}

/// mountinfo writes spaces and such as \040.
std::string Unescaped(const std::string& path) {
  std::string plain;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '\\' && i + 3 < path.size()) {
      plain += static_cast<char>((path[i + 1] - '0') * 64 + (path[i + 2] - '0') * 8 + (path[i + 3] - '0'));
      i += 3;
    } else {
      plain += path[i];
    }
  }
  return plain;
}

struct Mount {
  std::string root;   // the part of the hierarchy that is mounted
  std::string point;  // where
};

/// The mount of v1's `controller`, or of v2 when it is empty.
std::optional<Mount> FindMount(const std::string& mountinfo, const std::string& controller) {
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const auto before = Fields(line.substr(0, dash), ' ');
    const auto after = Fields(line.substr(dash + 3), ' ');
    if (before.size() < 5 || after.empty()) continue;
    const bool matches = controller.empty() ? after[0] == "cgroup2"
                                            : after[0] == "cgroup" && Contains(Fields(after.back(), ','), controller);
    if (matches) return Mount{Unescaped(before[3]), Unescaped(before[4])};
  }
  return std::nullopt;
}

/// The process's path in the hierarchy of v1's `controller`, or of v2 when it is empty.
std::optional<std::string> FindPath(const std::string& cgroup, const std::string& controller) {
  std::istringstream lines(cgroup);
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto controllers = Fields(line.substr(first + 1, second - first - 1), ',');
    if (controller.empty() ? controllers.empty() : Contains(controllers, controller)) return line.substr(second + 1);
  }
  return std::nullopt;
}

std::vector<std::string> Levels(const Mount& mount, std::string path) {
  // A path outside the mounted part (a container that keeps the host's /proc view): the mount's root is the container's own group.
  if (mount.root != "/") {
    const bool inside = path.rfind(mount.root, 0) == 0 && (path.size() == mount.root.size() || path[mount.root.size()] == '/');
    path = inside ? path.substr(mount.root.size()) : "";
  }
  if (path.find("/..") != std::string::npos) path.clear();
  while (!path.empty() && path.back() == '/') path.pop_back();
  std::vector<std::string> levels;
  while (!path.empty()) {
    levels.push_back(mount.point + path);
    path.resize(path.rfind('/'));
  }
  levels.push_back(mount.point);
  return levels;
}

std::vector<std::string> LevelsOf(const std::string& controller, const std::string& cgroup, const std::string& mountinfo) {
  const auto mount = FindMount(mountinfo, controller);
  const auto path = FindPath(cgroup, controller);
  if (!mount || !path || path->empty() || path->front() != '/') return {};
  return Levels(*mount, *path);
}

CgroupPaths PathsOf(const std::string& controller, const ReadTextFile& read) {
  return CgroupPathsOf(controller, read("/proc/self/cgroup").value_or(""), read("/proc/self/mountinfo").value_or(""));
}

template <typename Number>
void TakeLeast(Number* least, Number limit) {
  if (limit > 0 && (*least == 0 || limit < *least)) *least = limit;
}

int AffinityCpus() {
  for (int cpus = 1024; cpus <= 1 << 20; cpus *= 4) {
    cpu_set_t* set = CPU_ALLOC(static_cast<size_t>(cpus));
    const size_t bytes = CPU_ALLOC_SIZE(static_cast<size_t>(cpus));
    const bool known = sched_getaffinity(0, bytes, set) == 0;
    const int count = known ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (known) return count;
  }
  return static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

int CpusFromQuota(const std::string& cpu_max_v2, const std::string& quota_us_v1, const std::string& period_us_v1) {
  int64_t quota = NumberIn(cpu_max_v2), period = 100'000;
  const size_t space = cpu_max_v2.find(' ');
  if (space != std::string::npos) period = NumberIn(cpu_max_v2.substr(space));
  if (cpu_max_v2.empty()) {
    quota = NumberIn(quota_us_v1);
    period = NumberIn(period_us_v1);
  }
  if (quota <= 0 || period <= 0) return 0;
  return static_cast<int>(std::min<int64_t>((quota - 1) / period + 1, INT32_MAX));
}

int64_t BytesFromLimit(const std::string& memory_limit) {
  const int64_t bytes = NumberIn(memory_limit);
  return bytes <= 0 || bytes >= kUnlimitedBytes ? 0 : bytes;
}

CgroupPaths CgroupPathsOf(const std::string& controller, const std::string& proc_self_cgroup, const std::string& proc_self_mountinfo) {
  return {LevelsOf(controller, proc_self_cgroup, proc_self_mountinfo), LevelsOf("", proc_self_cgroup, proc_self_mountinfo)};
}

int CgroupCpus(const ReadTextFile& read) {
  const CgroupPaths paths = PathsOf("cpu", read);
  int least = 0;
  for (const auto& level : paths.v1) {
    TakeLeast(&least, CpusFromQuota("", read(level + "/cpu.cfs_quota_us").value_or(""), read(level + "/cpu.cfs_period_us").value_or("")));
  }
  for (const auto& level : paths.v2) TakeLeast(&least, CpusFromQuota(read(level + "/cpu.max").value_or(""), "", ""));
  return least;
}

int64_t CgroupMemoryBytes(const ReadTextFile& read) {
  const CgroupPaths paths = PathsOf("memory", read);
  int64_t least = 0;
  for (const auto& level : paths.v1) TakeLeast(&least, BytesFromLimit(read(level + "/memory.limit_in_bytes").value_or("")));
  for (const auto& level : paths.v2) {
    TakeLeast(&least, BytesFromLimit(read(level + "/memory.max").value_or("")));
    // Above memory.high the process is slowed down until it hardly runs: as good as a limit.
    TakeLeast(&least, BytesFromLimit(read(level + "/memory.high").value_or("")));
  }
  return least;
}

int UsableCpus() {
  int cpus = std::max(AffinityCpus(), 1);
  TakeLeast(&cpus, CgroupCpus(ReadSystemFile));
  return cpus;
}

int64_t UsableMemoryBytes() {
  int64_t bytes = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  TakeLeast(&bytes, CgroupMemoryBytes(ReadSystemFile));
  return bytes;
}

}  // namespace millstream
