// All tests once more as on a device for which there are no loops of our own: with
// PIE_PLAIN_OPERATIONS set, every function of tensors goes through LibTorch's plain operations.
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>

#include "lib/numerics/own_loops.h"

namespace pie {
namespace {

class PlainEnvironment : public testing::Environment {
 public:
  void SetUp() override {
    if (std::getenv("PIE_PLAIN_OPERATIONS") != nullptr) plain_.emplace();
  }
  void TearDown() override { plain_.reset(); }

 private:
  std::optional<PlainOperations> plain_;
};

const auto* const kPlainEnvironment = testing::AddGlobalTestEnvironment(new PlainEnvironment);

}  // namespace
}  // namespace pie
