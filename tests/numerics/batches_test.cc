// Batches cover every index once, at any number of threads, without gradients.
#include "lib/numerics/batches.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <stdexcept>
#include <vector>

namespace pie {
namespace {

class Threads {
 public:
  explicit Threads(int count) : before_(at::get_num_threads()) { at::set_num_threads(count); }
  ~Threads() { at::set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

TEST(Batches, CoverEveryIndexOnce) {
  for (const int threads : {1, 2, 5}) {
    const Threads scope(threads);
    for (const size_t count : {0, 1, 6, 7, 8, 50}) {
      std::vector<int> calls(count), sizes(count);
      for_each_batch(count, 7, [&](size_t begin, size_t end) {
        for (size_t i = begin; i < end; ++i) {
          ++calls[i];
          sizes[i] = static_cast<int>(end - begin);
        }
      });
      for (size_t i = 0; i < count; ++i) {
        EXPECT_EQ(calls[i], 1);
        EXPECT_EQ(sizes[i], static_cast<int>(i / 7 == count / 7 ? count % 7 : 7));
      }
    }
  }
}

TEST(Batches, TellHowManyAreDone) {
  for (const int threads : {1, 3}) {
    const Threads scope(threads);
    std::vector<double> told;
    for_each_batch(
        22, 5, [](size_t, size_t) {}, [&](double done) { told.push_back(done); });
    EXPECT_EQ(told, (std::vector<double>{0.2, 0.4, 0.6, 0.8, 1.0}));
  }
}

TEST(Batches, RecordNoGradientsAndPassErrorsOn) {
  for (const int threads : {1, 2}) {
    const Threads scope(threads);
    const auto x = torch::ones({1}).requires_grad_(true);
    std::vector<int> recorded(8, -1);
    for_each_batch(
        8, 1, [&](size_t begin, size_t) { recorded[begin] = (x * 2).requires_grad() ? 1 : 0; });
    EXPECT_EQ(recorded, std::vector<int>(8, 0));
    EXPECT_THROW(for_each_batch(8, 1,
                                [](size_t begin, size_t) {
                                  if (begin == 5) throw std::runtime_error("five");
                                }),
                 std::runtime_error);
  }
  EXPECT_TRUE(torch::GradMode::is_enabled());
}

}  // namespace
}  // namespace pie
