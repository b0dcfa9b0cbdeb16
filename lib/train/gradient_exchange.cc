#include "lib/train/gradient_exchange.h"

#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <stdexcept>
#include <utility>

namespace pie {
namespace {

// Small enough that sums begin early, large enough that few are needed.
constexpr std::int64_t kBucketSize = std::int64_t{1} << 16;

}  // namespace

// Called behind each addition to the gradient of one parameter.
struct GradientExchange::Watch : torch::autograd::FunctionPostHook {
  Watch(GradientExchange& exchange, std::size_t bucket) : exchange_(exchange), bucket_(bucket) {}
  torch::autograd::variable_list operator()(const torch::autograd::variable_list& outputs,
                                            const torch::autograd::variable_list&) override {
    exchange_.added(bucket_);
    return outputs;
  }

 private:
  GradientExchange& exchange_;
  std::size_t bucket_;
};

void GradientExchange::make_buckets() {
  const auto& places = flat_.places();
  bucket_of_.resize(places.size());
  for (auto i = places.size(); i-- > 0;) {
    if (buckets_.empty() || buckets_.back().end - buckets_.back().begin >= kBucketSize) {
      buckets_.push_back({places[i].begin, places[i].end, 0, 0, {}});
    }
    buckets_.back().begin = places[i].begin;
    bucket_of_[i] = buckets_.size() - 1;
  }
}

void GradientExchange::watch(torch::nn::Module& replica) {
  auto bucket = bucket_of_.begin();
  for (const auto& parameter : replica.parameters()) {
    nodes_.push_back(torch::autograd::impl::grad_accumulator(parameter));
    nodes_.back()->add_post_hook(std::make_unique<Watch>(*this, *bucket++));
  }
}

void GradientExchange::added(std::size_t index) {
  const std::lock_guard<std::mutex> lock(mutex_);
  auto& bucket = buckets_[index];
  if (bucket.wait) throw std::logic_error("a gradient was added to after its sum had begun");
  ++bucket.added;
  if (first_step_) return;
  while (next_ < buckets_.size() && buckets_[next_].added == buckets_[next_].expected) {
    begin(buckets_[next_++]);
  }
}

void GradientExchange::begin(Bucket& bucket) {
  const torch::NoGradGuard no_grad;
  const auto part = [&](const torch::Tensor& all) {
    return all.slice(0, bucket.begin, bucket.end);
  };
  auto sum = part(flat_.gradients[0]);
  for (std::size_t i = 1; i < flat_.gradients.size(); ++i) {
    auto other = part(flat_.gradients[i]);
    sum.add_(other);
    other.zero_();
  }
  bucket.wait = group_.begin_sum(sum);
}

void GradientExchange::finish() {
  while (next_ < buckets_.size()) begin(buckets_[next_++]);
  for (auto& bucket : buckets_) {
    bucket.wait();
    bucket.wait = nullptr;
    bucket.expected = std::exchange(bucket.added, 0);
  }
  next_ = 0;
  first_step_ = false;
}

}  // namespace pie
