// The floor keeps images of all channels and depths without a model, and is taken where it is
// smaller.
#include "lib/codec/floor_coder.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "lib/codec/codec.h"
#include "lib/container/code_file.h"
#include "lib/container/frame_writer.h"
#include "lib/image/jxl_code.h"
#include "lib/model/model_store.h"
#include "tests/image/image_test_files.h"
#include "tests/support/tiny_exact.h"

namespace pie {
namespace {

const LoadedModel& photo_model() {
  static const LoadedModel model = random_loaded_exact_pie(tiny_photo_preset(), 4);
  return model;
}

CodingOptions with(CoderChoice choice) {
  CodingOptions options;
  options.coder = choice;
  return options;
}

Image decoded(const Bytes& file) {
  const CodeFile code(file);
  const auto& frame = code.frames().front();
  Image image;
  const auto model =
      frame.header().fingerprint == kFloorFingerprint ? floor_model() : photo_model();
  decode_images(model, frame, 0, {0}, [&](uint64_t, const Image& found) { image = found; });
  return image;
}

// Wide stripes: cheap for the floor, dear for a model that has learned nothing.
Image striped(const Shape& shape, int bits) {
  Image image(shape, bits);
  for (int64_t y = 0; y < shape.height; ++y) {
    for (int64_t x = 0; x < shape.width; ++x) {
      for (int64_t c = 0; c < shape.channels; ++c) image.set(y, x, c, y / 5 % 2 == 0 ? 0 : 199);
    }
  }
  return image;
}

TEST(FloorCoder, KeepsAllChannelsAndDepths) {
  for (const int bits : {8, 16}) {
    for (const int channels : {1, 2, 3, 4}) {
      for (const auto& image :
           {noise_image({channels, 9, 14}, bits), striped({channels, 9, 14}, bits)}) {
        const auto encoded =
            encode_images(photo_model(), feed_of(image), with(CoderChoice::kFloor));
        EXPECT_TRUE(encoded.floor);
        EXPECT_TRUE(CodeFile(encoded.frame).frames().front().header().lossless());
        EXPECT_EQ(decoded(encoded.frame), image);
      }
    }
  }
}

TEST(FloorCoder, TheSmallerOneIsTaken) {
  for (const int bits : {8, 16}) {
    for (const auto& image : {noise_image({3, 16, 16}, bits), striped({3, 16, 16}, bits)}) {
      const auto by = [&](CoderChoice choice) {
        return encode_images(photo_model(), feed_of(image), with(choice));
      };
      const auto floor = by(CoderChoice::kFloor), model = by(CoderChoice::kModel),
                 smallest = by(CoderChoice::kSmallest);
      EXPECT_EQ(smallest.frame.size(), std::min(floor.frame.size(), model.frame.size()));
      EXPECT_EQ(smallest.floor, floor.frame.size() < model.frame.size());
      EXPECT_EQ(decoded(smallest.frame), image);
    }
  }
  EXPECT_TRUE(
      encode_images(photo_model(), feed_of(striped({3, 16, 16}, 8)), with(CoderChoice::kSmallest))
          .floor);
}

// Squares of 256 pixels, each of 200 colours of its own: groups of that size are the best.
Image with_palettes() {
  constexpr int64_t kSide = 512, kSquare = 256, kColours = 200;
  Image image({3, kSide, kSide});
  const CounterRandom random(7, 1);
  uint64_t next = 0;
  for (int64_t y = 0; y < kSide; ++y) {
    for (int64_t x = 0; x < kSide; ++x) {
      const auto square = static_cast<uint64_t>(y / kSquare * 2 + x / kSquare);
      const uint64_t colour = square * kColours + random.bits(next++) % kColours;
      for (int64_t c = 0; c < 3; ++c) {
        image.set(y, x, c, static_cast<int>((colour * 2654435761U >> (8 * c)) & 255U));
      }
    }
  }
  return image;
}

TEST(FloorCoder, NoSizeOfGroupsIsSmaller) {
  const Image image = with_palettes();
  const auto floor = encode_images(photo_model(), feed_of(image), with(CoderChoice::kFloor));
  EXPECT_EQ(decoded(floor.frame), image);
  constexpr size_t kFrame = 64;
  for (const auto groups : {JxlGroups::k128, JxlGroups::k256, JxlGroups::k1024}) {
    EXPECT_LE(floor.frame.size(), encode_jxl(image, kJxlEffort, groups).size() + kFrame);
  }
}

TEST(FloorCoder, ArchivesAndPrefixesStayWithTheModel) {
  const ImageSet two(Shape{3, 8, 8}, 2);
  auto options = with(CoderChoice::kSmallest);
  options.archive = true;
  EXPECT_FALSE(encode_images(photo_model(), feed_of(two), options).floor);
  options.archive = false;
  options.layers = 1;
  EXPECT_FALSE(encode_images(photo_model(), feed_of(two.slice(0, 1)), options).floor);
}

TEST(FloorCoder, AnArchiveHasAStreamForEachImage) {
  const auto images = noise_set({3, 8, 9}, 5);
  auto options = with(CoderChoice::kFloor);
  options.archive = true;
  const auto encoded = encode_images(photo_model(), feed_of(images), options);
  const CodeFile code(encoded.frame);
  size_t count = 0;
  decode_images(floor_model(), code.frames().front(), 0, {4, 1},
                [&](uint64_t i, const Image& image) {
                  EXPECT_EQ(image, images.image(i));
                  ++count;
                });
  EXPECT_EQ(count, 2U);
}

// A frame whose bytes are sound, and of another image than its header says.
TEST(FloorCoder, AnotherImageIsADisagreement) {
  const auto coder = make_floor_coder();
  const auto right = noise_set({3, 8, 9}, 1), wrong = noise_set({3, 9, 8}, 1),
             other = noise_set({3, 8, 9}, 1, 7);
  for (const auto* coded : {&wrong, &other}) {
    FrameHeader header;
    header.fingerprint = kFloorFingerprint;
    header.channels = 3;
    header.height = 8;
    header.width = 9;
    header.total_layers = 1;
    FrameWriter writer(header, 1);
    auto block = coder->encode(*coded, {1}).layers;
    block[0].symbol_hash = coder->encode(right, {1}).layers[0].symbol_hash;
    writer.add(block);
    writer.add_pixel_hash(1);
    Bytes file;
    writer.write(
        [&](ByteSpan bytes) { file.insert(file.end(), bytes.data, bytes.data + bytes.size); });
    EXPECT_THROW(decoded(file), VerificationError);
  }
}

TEST(FloorCoder, NeedsNoModelAndHasNone) {
  const auto image = noise_image({3, 8, 9});
  const auto encoded = encode_images(photo_model(), feed_of(image), with(CoderChoice::kFloor));
  const CodeFile code(encoded.frame);
  EXPECT_THROW(
      decode_images(photo_model(), code.frames().front(), 0, {0}, [](uint64_t, const Image&) {}),
      UnsupportedError);
  const auto coder = make_floor_coder();
  EXPECT_THROW(coder->draw(1, {}), UsageError);
  EXPECT_THROW(coder->latents(ImageSet(Shape{3, 8, 9}, 1)), UsageError);
}

}  // namespace
}  // namespace pie
