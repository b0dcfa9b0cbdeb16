// One of several equal parts of what a command does, for commands that run side by side.
#pragma once

#include <cstddef>
#include <utility>

namespace pie {

struct Shard {
  std::size_t number = 1, count = 1;  // from 1

  bool is_all() const { return count == 1; }
  // Every N-th of several things, counted from 0.
  bool takes(std::size_t index) const { return index % count == number - 1; }
  // Which of `units` in a row are in it: from the first to before the second.
  std::pair<std::size_t, std::size_t> range(std::size_t units) const {
    return {units * (number - 1) / count, units * number / count};
  }
};

}  // namespace pie
