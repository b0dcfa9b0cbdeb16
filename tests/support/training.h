// Trainings as tests want them: short, silent, and not stopped from outside.
#pragma once

#include "lib/train/trainer.h"

namespace pie {

inline bool never() { return false; }
inline void quiet(const TrainStatus&) {}

inline TrainEnd train(Trainer& trainer, const ImageSource& data, int64_t stop_at = 0) {
  auto set = trainer.training_set(data);
  TrainRun run;
  run.data = &set;
  run.stop_at = stop_at;
  return trainer.run(run, never, quiet);
}

}  // namespace pie
