// Images as models take them.
#include "lib/eval/model_images.h"

#include "lib/base/error.h"
#include "lib/image/image_io.h"
#include "tests/image/image_test_files.h"
#include "tests/support/digits.h"
#include "tests/support/tiny_exact.h"

namespace pie {
namespace {

TEST(ModelImages, AreThoseOfTheSourceInTheOrderOfTheIndices) {
  const auto source = digits("[:5]");
  const Shape shape{1, 28, 28};
  const auto all = load_all(source, shape);
  ASSERT_EQ(all.size(), 5u);
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all.image(i), source.load(i));
  const auto some = load_images(source, {4, 1}, shape);
  ASSERT_EQ(some.size(), 2u);
  EXPECT_EQ(some.image(0), source.load(4));
  EXPECT_EQ(some.image(1), source.load(1));
  EXPECT_EQ(index_range(2, 5), (std::vector<size_t>{2, 3, 4}));
  EXPECT_TRUE(index_range(2, 2).empty());
  EXPECT_THROW(load_all(source, {1, 28, 27}), ShapeError);
}

class ModelImageFiles : public TestWithFolder {};

TEST_F(ModelImageFiles, AModelOfAnySizeTakesTheMiddle) {
  auto preset = tiny_exact_preset(1, 7, 6);
  preset["position"] = false;
  const auto model = random_exact_pie(preset);
  const auto image = noise_image({1, 10, 9});
  const ImageSource source({put("a.png", encode_image(image, "png"))});
  EXPECT_EQ(load_for(*model, source, {0}).image(0), crop(image, 1, 1, 6, 7));
  const ImageSource small({put("small.png", encode_image(noise_image({1, 10, 5}), "png"))});
  const auto message = message_of<ShapeError>([&] { load_for(*model, small, {0}); });
  EXPECT_TRUE(contains(message, "small.png") && contains(message, "1x7x6")) << message;
  // One that sees positions takes its own size only.
  preset["position"] = true;
  EXPECT_THROW(load_for(*random_exact_pie(preset), source, {0}), ShapeError);
}

TEST_F(ModelImageFiles, WholeOnesOfAnySizeComeEachByItself) {
  auto preset = tiny_exact_preset(1, 7, 6);
  preset["position"] = false;
  const auto model = random_exact_pie(preset);
  const auto a = noise_image({1, 10, 9}), b = noise_image({1, 3, 4});
  const ImageSource source(
      {put("a.png", encode_image(a, "png")), put("b.png", encode_image(b, "png"))});
  const auto sets = load_whole(*model, source);
  ASSERT_EQ(sets.size(), 2u);
  EXPECT_EQ(sets[0].image(0), a);
  EXPECT_EQ(sets[1].image(0), b);
  const auto archive = load_whole(*model, digits("[:3]"));
  ASSERT_EQ(archive.size(), 1u);
  EXPECT_EQ(archive[0].size(), 3u);
  const ImageSource colours({put("rgb.png", encode_image(noise_image({3, 7, 6}), "png"))});
  EXPECT_THROW(load_whole(*model, colours), ShapeError);
  EXPECT_EQ(load_whole(*random_exact_pie(tiny_exact_preset(1, 28, 28)), digits("[:3]")).size(), 1u);
}

}  // namespace
}  // namespace pie
