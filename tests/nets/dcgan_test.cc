// Shapes, independence of images, and that nothing of z is normalised away.
#include "lib/nets/dcgan.h"

#include "lib/base/error.h"
#include "tests/support/tensors.h"

namespace pie {
namespace {

constexpr DcganOptions kSmall{3, 8, 12, 4, 2};

TEST(Dcgan, ShapesAndRanges) {
  const auto x = uniform_tensor({2, 3, 8, 12}, 0, 1, 1, torch::kFloat32);
  EXPECT_EQ(DcganEncoder(kSmall, 5).forward(x).sizes(), torch::IntArrayRef({2, 5}));
  const auto decoded = DcganDecoder(kSmall, 5).forward(normal_tensor({2, 5}, 2, torch::kFloat32));
  EXPECT_EQ(decoded.sizes(), x.sizes());
  EXPECT_GT(decoded.min().item<double>(), 0);
  EXPECT_LT(decoded.max().item<double>(), 1);
  EXPECT_THROW(DcganEncoder({3, 10, 12, 4, 2}, 5), ShapeError);
  EXPECT_THROW(DcganDecoder({3, 8, 10, 4, 2}, 5), ShapeError);
}

TEST(Dcgan, ImagesAreIndependentOfEachOther) {
  DcganEncoder encoder(kSmall, 5);
  encoder.to(torch::kFloat64);
  const auto x = uniform_tensor({3, 3, 8, 12}, 0, 1, 3);
  expect_close(encoder.forward(x)[1], encoder.forward(x.slice(0, 1, 2))[0], 1e-12);
}

TEST(Dcgan, TheLengthOfZIsNotLost) {
  DcganDecoder decoder(kSmall, 5);
  decoder.to(torch::kFloat64);
  perturb(decoder, 0.1, 4);
  const auto z = normal_tensor({1, 5}, 5);
  EXPECT_GT(max_difference(decoder.forward(z), decoder.forward(2 * z)), 1e-3);
}

}  // namespace
}  // namespace pie
