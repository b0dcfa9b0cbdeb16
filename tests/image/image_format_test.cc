// The table of image formats: what every row has to keep.
#include "lib/image/image_format.h"

#include <set>

#include "lib/image/image_io.h"
#include "tests/image/image_files.h"
#include "tests/image/image_test_files.h"

namespace pie {
namespace {

TEST(ImageFormat, WhatIsWrittenIsRecognisedAndReadBack) {
  for (const ImageFormat& format : image_formats()) {
    for (const int channels : {1, 2, 3, 4}) {
      for (const int bits : {8, 16}) {
        const Image image = noise_image({channels, 3, 5}, bits);
        if (!format.can_hold(image)) continue;
        const Bytes file = format.encode(image, {});
        EXPECT_TRUE(format.is(view_of(file))) << format.name;
        EXPECT_EQ(decode_image(file, "x").image, image) << format.name;
        EXPECT_EQ(probe_image(in(file)).shape, image.shape) << format.name;
        for (const std::string& suffix : format.suffixes) {
          EXPECT_EQ(decode_image(encode_image(image, suffix), "x").image, image) << suffix;
        }
      }
    }
  }
}

TEST(ImageFormat, MetadataThatIsKeptIsReadBack) {
  const Metadata metadata{icc_profile_item({1, 2, 3}), xmp_item({'<', '>'}),
                          density_item(2835, 2835, true), comment_item({'a'}), label_item(7)};
  for (const ImageFormat& format : image_formats()) {
    for (const int channels : format.channels) {
      const Image image({channels, 3, 5});
      for (const MetadataItem& item : metadata) {
        const Metadata found = decode_image(format.encode(image, {item}), "x").metadata;
        const bool kept = std::any_of(found.begin(), found.end(), [&](const MetadataItem& other) {
          return other.type == item.type && other.data == item.data;
        });
        EXPECT_EQ(kept, format.keeps != nullptr && format.keeps(item))
            << format.name << " " << item.type;
      }
    }
  }
}

// Where formats share a suffix, the first that can hold an image is meant: that one has no other
// name for the shape, so that each can be asked for.
TEST(ImageFormat, EachCanBeAskedFor) {
  std::set<std::tuple<std::string, int>> taken;
  for (const ImageFormat& format : image_formats()) {
    EXPECT_FALSE(format.suffixes.empty());
    EXPECT_EQ(format.encode == nullptr, format.channels.empty()) << format.name;
    for (const std::string& suffix : format.suffixes) {
      EXPECT_EQ(suffix_of("x." + suffix), suffix);
    }
    for (const int channels : format.channels) {
      bool meant = false;
      for (const std::string& suffix : format.suffixes) {
        meant = taken.insert({suffix, channels}).second || meant;
      }
      EXPECT_TRUE(meant) << format.name << " " << channels;
    }
  }
}

TEST(ImageFormat, NothingShortIsOfAnyFormat) {
  for (const ImageFormat& format : image_formats()) {
    EXPECT_FALSE(format.is(view_of({}))) << format.name;
    EXPECT_FALSE(format.is(view_of({0}))) << format.name;
  }
}

}  // namespace
}  // namespace pie
