#include "tools/engine/encode_jobs.h"

#include <algorithm>

#include "lib/container/frame_header.h"

namespace pie {
namespace {

// All of them in one file: small images of one kind that follow each other in one frame, which
// costs a few bytes for each, and each other image in its own, as if it were coded alone.
Job one_of(const ImageSource& source, const std::vector<Job>& jobs) {
  constexpr int64_t kSmall = 1 << 14;  // samples
  Job all{jobs[0].name, "", {}, {}, true, jobs[0].whole};
  ImageHeader last;   // of the last group
  bool open = false;  // more may join it
  for (const auto& job : jobs) {
    all.files.insert(all.files.end(), job.files.begin(), job.files.end());
    const Group& group = job.groups[0];
    const auto header = source.header(group.first);
    if (open && all.groups.back().files == group.files && last.shape == header.shape &&
        last.bits == header.bits) {
      all.groups.back().archive = true;
      all.groups.back().count += group.count;
    } else {
      all.groups.push_back(group);
    }
    last = header;
    open = !group.files || header.shape.elements() <= kSmall;
  }
  return all;
}

}  // namespace

std::vector<Job> shard_of(const Job& whole, const Shard& shard) {
  const auto blocks_of = [](const Group& group) {
    return (group.count + kItemsPerBlock - 1) / kItemsPerBlock;
  };
  Job job = whole;
  size_t all = 0, before = 0;
  for (const auto& group : job.groups) all += blocks_of(group);
  const auto [first, last] = shard.range(all);
  job.groups.clear();
  for (auto group : whole.groups) {
    const size_t blocks = blocks_of(group);
    const size_t begin = std::clamp(first, before, before + blocks) - before;
    const size_t end = std::clamp(last, before, before + blocks) - before;
    before += blocks;
    if (begin == end) continue;
    group.count = std::min<size_t>(end * kItemsPerBlock, group.count) - begin * kItemsPerBlock;
    group.first += begin * kItemsPerBlock;
    job.groups.push_back(group);
  }
  job.whole = false;
  return job.groups.empty() ? std::vector<Job>() : std::vector<Job>{job};
}

std::vector<Job> plan_jobs(const ImageSource& source, const std::vector<SlicedInput>& inputs,
                           bool together) {
  const bool whole = std::none_of(inputs.begin(), inputs.end(),
                                  [](const SlicedInput& input) { return input.slice; });
  std::vector<Job> jobs;
  for (const auto& part : source.parts()) {
    if (part.archive) {
      jobs.push_back(
          {part.path, "", {part.path}, {{part.first, part.count, true, false}}, false, whole});
      continue;
    }
    for (size_t i = part.first; i < part.first + part.count; ++i) {
      const auto name = source.name(i);
      const auto path = part.path == "-" ? part.path : name;
      const auto root = path == part.path ? "" : part.path;
      jobs.push_back({name, root, {path}, {{i, 1, false, true}}, false, whole});
    }
  }
  return together ? std::vector<Job>{one_of(source, jobs)} : jobs;
}

}  // namespace pie
