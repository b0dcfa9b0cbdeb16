// Which code files pie-encode writes, and of which images.
#pragma once

#include <cstddef>
#include <numeric>
#include <string>
#include <vector>

#include "lib/base/shard.h"
#include "lib/image/image_source.h"

namespace pie {

// Images of the source that become one frame.
struct Group {
  size_t first, count;
  bool archive;  // a set of images, even if it is one
  bool files;    // each image is a file
};

// What becomes one output file.
struct Job {
  std::string name;                // of the input
  std::string root;                // the folder that was given, if it lies in one
  std::vector<std::string> files;  // all that it reads
  std::vector<Group> groups;
  bool of_files = false;  // of several, whose names it keeps
  bool whole = true;      // all images of its files

  size_t images() const {
    return std::accumulate(groups.begin(), groups.end(), size_t{0},
                           [](size_t sum, const Group& group) { return sum + group.count; });
  }
};

// A file for each image or archive of `source`, which was made of `inputs`, or one of all if
// `together`.
std::vector<Job> plan_jobs(const ImageSource& source, const std::vector<SlicedInput>& inputs,
                           bool together);

// The shard's blocks of a file; nothing if these are none.
std::vector<Job> shard_of(const Job& whole, const Shard& shard);

}  // namespace pie
