// The gradients of processes that train together, summed while they are still being computed.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "lib/train/optimizer.h"
#include "lib/train/process_group.h"

namespace pie {

// Parts of the flat gradient, those of the last layers first, whose sums begin as soon as autograd
// has added all that it will: as often as in the first step, which shows how often that is, and
// sums at its end. One way back through a model is like the other.
class GradientExchange {
 public:
  // `replicas`: the modules that `flat` holds, in its order. All must outlive it, and all processes
  // must have the same parameters.
  template <typename Replicas>
  GradientExchange(FlatParameters& flat, const Replicas& replicas, ProcessGroup& group)
      : flat_(flat), group_(group) {
    make_buckets();
    for (const auto& replica : replicas) watch(*replica);
  }
  GradientExchange(const GradientExchange&) = delete;
  GradientExchange& operator=(const GradientExchange&) = delete;

  // After the way back: makes the first gradient everybody's sum, and the others zero. Throws what
  // ProcessGroup::sum throws.
  void finish();

 private:
  struct Bucket {
    std::int64_t begin, end;     // in the flat gradient
    int added = 0;               // gradients of parameters, by all replicas
    int expected = 0;            // of them
    std::function<void()> wait;  // for the sum that has begun
  };
  struct Watch;

  void make_buckets();
  void watch(torch::nn::Module& replica);
  void added(std::size_t bucket);
  void begin(Bucket& bucket);

  FlatParameters& flat_;
  ProcessGroup& group_;
  std::mutex mutex_;
  std::vector<Bucket> buckets_;         // in the order in which all processes sum them
  std::vector<std::size_t> bucket_of_;  // each parameter
  std::size_t next_ = 0;                // to begin
  bool first_step_ = true;
  std::vector<std::shared_ptr<torch::autograd::Node>> nodes_;  // that add; they hold the watches
};

}  // namespace pie
