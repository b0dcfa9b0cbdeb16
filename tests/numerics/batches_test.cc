// Batches cover every index once, at any number of threads, without gradients.
#include "lib/numerics/batches.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
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

// A thread that is still setting itself up while the process ends calls into LibTorch's ruins.
TEST(Batches, AllThreadsWaitWhenItReturns) {
  constexpr int kThreads = 14;
  const Threads scope(kThreads);
  for_each_on_one_thread(kThreads, [](size_t) {});
  int ready = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm") >> std::ws, name);
    ready += name == "pie-worker" ? 1 : 0;  // the last thing that it does before it waits
  }
  EXPECT_GE(ready, kThreads - 1);
}

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

// LibTorch's own gradients of weights are wrong in OpenMP's parallel regions, where processors have
// AVX-512: of few images by all of their size.
TEST(Batches, ConvolutionsHaveTheirGradients) {
  torch::manual_seed(1);
  const auto gradients = [](const torch::Tensor& x, const torch::Tensor& weight) {
    const auto w = weight.detach().clone().requires_grad_(true);
    torch::conv2d(x, w, {}, 2, 1).square().sum().backward();
    return w.grad();
  };
  const Threads scope(2);
  for (const int64_t images : {1, 2, 3}) {
    for (const auto& [in, out, side] :
         {std::tuple<int64_t, int64_t, int64_t>{1, 16, 32}, {16, 32, 16}, {64, 128, 28}}) {
      const auto x = torch::rand({images, in, side, side}), w = torch::rand({out, in, 4, 4});
      const auto expected = gradients(x, w);
      std::vector<torch::Tensor> found(4);
      for_each_on_one_thread(found.size(), [&](size_t i) { found[i] = gradients(x, w); });
      for (const auto& one : found) {
        EXPECT_LT((one - expected).abs().max().item<double>(),
                  1e-5 * expected.abs().max().item<double>());
      }
    }
  }
}

TEST(Batches, LoopsWithinRunOnTheirThread) {
  const Threads scope(3);
  std::vector<int> threads(6), calls(6);
  for_each_on_one_thread(threads.size(), [&](size_t i) {
    threads[i] = at::get_num_threads();
    const auto here = std::this_thread::get_id();
    for_each_on_one_thread(4, [&](size_t) { calls[i] += std::this_thread::get_id() == here; });
  });
#ifdef _OPENMP
  EXPECT_EQ(threads, std::vector<int>(6, 1));
#endif
  EXPECT_EQ(calls, std::vector<int>(6, 4));
  EXPECT_EQ(at::get_num_threads(), 3);
}

}  // namespace
}  // namespace pie
