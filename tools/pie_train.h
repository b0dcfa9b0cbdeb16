// Options of pie-train, shared by its two halves.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pie {

struct TrainOptions {
  std::string preset, config;  // at most one; unless resuming or with `init`, one
  std::vector<std::string> data, validation;
  std::string init;  // a trained model to start from
  std::string output, resume, log;
  std::string task;  // empty: as the preset says
  std::string labels, validation_labels;
  std::vector<std::string> set;                           // key=value overrides
  int64_t epochs = 0, steps = 0, stop_at = 0, batch = 0;  // 0: as the preset says
  double lr = 0;
  std::string time;  // "30m"
  std::string save_every = "5m", peer_timeout = "10m";
  bool force = false, dry_run = false;
};

}  // namespace pie
