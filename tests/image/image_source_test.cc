// Files, folders and archives are one list of images, read when asked for.
#include "lib/image/image_source.h"

#include <sys/stat.h>

#include <thread>

#include "lib/image/cifar.h"
#include "lib/image/idx.h"
#include "lib/image/image_io.h"
#include "tests/image/image_test_files.h"

namespace pie {
namespace {

namespace fs = std::filesystem;

// An IDX file of fewer than 256 labels.
Bytes idx_labels(const Bytes& labels) {
  return concatenate({0, 0, 8, 1, 0, 0, 0, static_cast<std::uint8_t>(labels.size())}, labels);
}

class ImageSourceTest : public TestWithFolder {
 protected:
  std::string put_image(const std::string& name, const Image& image) const {
    return put(name, encode_image(image, "png"));
  }
  std::string put_digits(const std::string& name, std::size_t count) const {
    return put(name, gzip(encode_idx_images(noise_set({1, 4, 4}, count))));
  }
};

TEST_F(ImageSourceTest, AFolderIsReadLazily) {
  for (int i = 0; i < 200; ++i) {
    put_image("set/" + std::to_string(1000 + i) + ".png",
              noise_image({1, 4, 4}, 8, static_cast<std::uint64_t>(i)));
  }
  const ImageSource source({path("set")});
  ASSERT_EQ(source.size(), 200u);
  EXPECT_EQ(source.load(17), noise_image({1, 4, 4}, 8, 17));
  EXPECT_EQ(source.name(17), path("set/1017.png"));
  // What is deleted after opening is missed only when it is wanted.
  fs::remove(path("set/1018.png"));
  EXPECT_TRUE(contains(message_of<OperationError>([&] { source.load(18); }), "1018.png"));
  EXPECT_EQ(source.load(19), noise_image({1, 4, 4}, 8, 19));
}

TEST_F(ImageSourceTest, FoldersAreSortedAndFiltered) {
  put_image("set/b.png", Image({1, 1, 1}));
  put_image("set/a.PNG", Image({1, 1, 1}));
  put_image("set/deep/c.png", Image({1, 1, 1}));
  put_image("set/.hidden.png", Image({1, 1, 1}));
  put_image("set/.cache/d.png", Image({1, 1, 1}));
  put("set/notes.txt", {1});
  const ImageSource flat({path("set")});
  ASSERT_EQ(flat.size(), 3u);
  EXPECT_EQ(flat.name(0), path("set/.hidden.png"));
  EXPECT_EQ(flat.name(1), path("set/a.PNG"));
  SourceOptions options;
  options.recursive = true;
  const ImageSource deep({path("set")}, options);
  ASSERT_EQ(deep.size(), 5u);
  EXPECT_EQ(deep.name(0), path("set/.cache/d.png"));
  EXPECT_EQ(deep.name(4), path("set/deep/c.png"));
}

TEST_F(ImageSourceTest, MixesAllKindsInOrder) {
  const std::string file = put_image("x.png", noise_image({3, 32, 32}, 8, 5));
  const ImageSet images = noise_set({3, 32, 32}, 2);
  Bytes records;
  for (std::size_t i = 0; i < 2; ++i) {
    records.push_back(static_cast<std::uint8_t>(i));
    records.insert(records.end(), images.data(i), images.data(i) + images.shape().elements());
  }
  const std::string cifar = put("train.bin", records);
  const std::string idx = put("odd.name", encode_idx_images(images));
  const ImageSource source({file, cifar, idx + "[1]"});
  ASSERT_EQ(source.size(), 4u);
  EXPECT_EQ(source.load(0), noise_image({3, 32, 32}, 8, 5));
  EXPECT_EQ(source.load(1), images.image(0));
  EXPECT_EQ(source.load(3), images.image(1));
  EXPECT_EQ(source.name(3), idx + "[1]");
  EXPECT_THROW(source.load(4), UsageError);

  ASSERT_EQ(source.parts().size(), 3u);
  EXPECT_FALSE(source.parts()[0].archive);
  EXPECT_TRUE(source.parts()[1].archive);
  EXPECT_EQ(source.parts()[2].path, idx);
  EXPECT_EQ(source.parts()[2].first, 3u);
  EXPECT_EQ(source.parts()[2].count, 1u);

  // In the order of the source and as it lies in the files, whether archives are held or not.
  SourceOptions streaming;
  streaming.hold_archives = false;
  const ImageSource other({file, cifar, idx + "[1]"}, streaming);
  for (const ImageSource* from : {&source, &other}) {
    ImageFile besides;
    EXPECT_EQ(from->load_batch(0, 9, &besides).size(), 1u);
    const ImageBatch batch = from->load_batch(1, 9, &besides);
    ASSERT_EQ(batch.size(), 2u);
    Bytes second;
    append_interleaved(batch.high(1), second);
    EXPECT_EQ(second, images.image(1).samples);
    EXPECT_EQ(from->load_batch(1, 1, &besides).size(), 1u);
    EXPECT_EQ(from->load(3), images.image(1));
    EXPECT_TRUE(besides.dropped.empty());
    EXPECT_TRUE(besides.metadata.empty());
  }
}

TEST_F(ImageSourceTest, ShardsAreAllImagesInOrder) {
  const std::string digits = put_digits("d-images-idx3-ubyte.gz", 10),
                    file = put("a.pgm", encode_image(noise_image({1, 4, 4}), "pgm"));
  Bytes label_values;
  for (std::uint8_t i = 0; i < 17; ++i) label_values.push_back(i);
  const std::string labels = put("l", idx_labels(label_values));
  const std::vector<std::string> paths{digits + "[2:]", file, digits + "[:8]"};
  const ImageSource whole(paths);
  ASSERT_EQ(whole.size(), 17u);
  for (const std::size_t count : {1, 2, 3, 5, 17}) {
    std::size_t next = 0;
    for (std::size_t number = 1; number <= count; ++number) {
      SourceOptions options;
      options.shard = {number, count};
      options.hold_archives = number % 2 == 0;
      const ImageSource part(paths, options);
      const Bytes own = part.labels(labels);
      ASSERT_EQ(own.size(), part.size());
      for (std::size_t i = 0; i < part.size(); ++i, ++next) {
        EXPECT_EQ(part.name(i), whole.name(next));
        EXPECT_EQ(part.load(i), whole.load(next));
        EXPECT_EQ(own[i], label_values[next]);
      }
    }
    EXPECT_EQ(next, whole.size());
  }
  // Labels are of all inputs together, though one of them alone has as many images; and may be
  // sliced.
  const std::vector<std::string> halves{digits + "[:5]", digits + "[5:]"};
  const std::string ten = put("ten", idx_labels({0, 1, 2, 3, 4, 5, 6, 7, 8, 9})),
                    one = digits + "[2:6]";
  SourceOptions second;
  second.shard = {2, 2};
  EXPECT_EQ(ImageSource(halves, second).labels(ten), (Bytes{5, 6, 7, 8, 9}));
  EXPECT_EQ(ImageSource({one}, second).labels(ten), (Bytes{4, 5}));
  EXPECT_EQ(ImageSource({one}, second).labels(ten + "[5:9]"), (Bytes{7, 8}));
  EXPECT_THROW(ImageSource({one}, second).labels(ten + "[5:8]"), UsageError);
  SourceOptions options;
  options.shard = {1, 18};
  EXPECT_TRUE(contains(message_of<UsageError>([&] { ImageSource(paths, options); }),
                       "part 1 of 18 holds none of the 17 images"));
}

TEST_F(ImageSourceTest, LenientSourcesPassDamagedArchivesOver) {
  const std::string digits = put_digits("d-images-idx3-ubyte.gz", 10);
  Bytes cut = read_file(digits);
  cut.resize(cut.size() - 9);
  const std::string broken = put("broken-images-idx3-ubyte.gz", cut);
  EXPECT_THROW(ImageSource({digits, broken}), Error);
  SourceOptions options;
  options.lenient = true;
  options.on_skip = {};
  const ImageSource source({digits, broken}, options);
  EXPECT_EQ(source.size(), 10u);
  ASSERT_EQ(source.skipped().size(), 1u);
  EXPECT_EQ(source.skipped()[0].name, broken);
}

TEST_F(ImageSourceTest, WhatCannotBeReadInAFolderIsNamed) {
  put("in/a.pgm", encode_image(noise_image({1, 2, 2}), "pgm"));
  put("in/deep/b.pgm", encode_image(noise_image({1, 2, 2}), "pgm"));
  std::filesystem::create_symlink("nowhere", path("in/dangling.png"));
  ASSERT_EQ(::mkfifo(path("in/deep/pipe.png").c_str(), 0600), 0);
  std::vector<std::string> skipped;
  SourceOptions options;
  options.recursive = true;
  options.on_skip = [&](const SkippedInput& input) { skipped.push_back(input.cause); };
  const ImageSource source({path("in")}, options);
  EXPECT_EQ(source.size(), 2u);
  std::sort(skipped.begin(), skipped.end());
  EXPECT_EQ(skipped,
            (std::vector<std::string>{path("in/dangling.png") + ": a symbolic link to nothing",
                                      path("in/deep/pipe.png") + ": neither a file nor a folder"}));
}

TEST_F(ImageSourceTest, SlicesArchivesAndFolders) {
  const ImageSet all = noise_set({1, 4, 4}, 60);
  const std::string digits = put_digits("d-images-idx3-ubyte.gz", 60);
  const ImageSource train({digits + "[0:55]"});
  const ImageSource held_out({digits + "[-5:]"});
  EXPECT_EQ(train.size(), 55u);
  ASSERT_EQ(held_out.size(), 5u);
  EXPECT_EQ(held_out.load(0), all.image(55));
  EXPECT_EQ(held_out.name(0), digits + "[55]");
  for (int i = 0; i < 5; ++i) {
    put_image("set/" + std::to_string(i) + ".png", Image({1, 1, 1}));
  }
  const ImageSource some({path("set") + "[1:3]"});
  ASSERT_EQ(some.size(), 2u);
  EXPECT_EQ(some.name(0), path("set/1.png"));
  EXPECT_THROW(ImageSource({digits + "[60:]"}), UsageError);
}

TEST_F(ImageSourceTest, LabelsFollowTheSlice) {
  const std::string digits = put_digits("d-images-idx3-ubyte.gz", 6);
  const ImageSource source({digits + "[-2:]"});
  EXPECT_THROW(source.labels(), UsageError);
  const std::string labels = put("d-labels-idx1-ubyte", idx_labels({0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(source.labels(), (Bytes{4, 5}));
  EXPECT_EQ(source.labels(labels), (Bytes{4, 5}));
  EXPECT_EQ(source.labels(labels + "[1:3]"), (Bytes{1, 2}));
  EXPECT_THROW(source.labels(labels + "[1:4]"), UsageError);
  const ImageSource twice({digits + "[0]", digits + "[5]"});
  EXPECT_EQ(twice.labels(), (Bytes{0, 5}));
  put("d-labels-idx1-ubyte", idx_labels({0, 1, 2}));
  EXPECT_TRUE(contains(message_of<UsageError>([&] { source.labels(); }), "3 labels"));
  const ImageSource cifar({put("c.bin", Bytes(kCifarRecordBytes, 3))});
  EXPECT_EQ(cifar.labels(), Bytes{3});
}

TEST_F(ImageSourceTest, OtherShapesAreNamedNotStretched) {
  put_image("set/a.png", Image({3, 4, 6}));
  put_image("set/b.png", Image({3, 6, 4}));
  const ImageSource source({path("set")});
  Bytes room(3 * 4 * 6);
  const std::string message = message_of<ShapeError>([&] {
    source.load_planar(1, {3, 4, 6}, room.data());
  });
  EXPECT_EQ(message,
            path("set/b.png") + ": is 3x6x4, but 3x4x6 is required (channels x height x width)");
  const ImageSource deep({put_image("deep.png", Image({1, 2, 2}, 16))});
  EXPECT_TRUE(contains(message_of<ShapeError>([&] {
                         deep.load_planar(0, {1, 2, 2}, room.data());
                       }),
                       "16-bit 1x2x2"));
  EXPECT_EQ(deep.load(0).bits, 16);
  const ImageSource digits({put_digits("d", 2)});
  EXPECT_THROW(digits.load_planar(0, {1, 4, 5}, room.data()), ShapeError);
  EXPECT_EQ(digits.shape(1), (Shape{1, 4, 4}));
}

TEST_F(ImageSourceTest, StrictThrowsLenientSkips) {
  put_image("set/a.png", Image({1, 2, 2}));
  put("set/b.png", {1, 2, 3});
  Bytes damaged = encode_image(noise_image({1, 9, 9}), "png");
  damaged[damaged.size() - 20] ^= 1;
  put("set/c.png", damaged);
  const ImageSource strict({path("set")});
  EXPECT_EQ(strict.size(), 3u);
  EXPECT_THROW(strict.load(1), DamagedError);
  EXPECT_THROW(strict.try_load(2), DamagedError);
  EXPECT_THROW(ImageSource({path("set"), path("none")}), OperationError);

  std::vector<std::string> told;
  SourceOptions options;
  options.lenient = true;
  options.on_skip = [&told](const SkippedInput& input) { told.push_back(input.name); };
  const ImageSource lenient({path("none"), path("set")}, options);
  ASSERT_EQ(lenient.size(), 2u);
  EXPECT_TRUE(lenient.try_load(0).has_value());
  // The header of the last is sound: its damage shows when it is loaded, and is told once.
  EXPECT_FALSE(lenient.try_load(1).has_value());
  EXPECT_FALSE(lenient.try_load(1).has_value());
  EXPECT_EQ(told, (std::vector<std::string>{path("none"), path("set/b.png"), path("set/c.png")}));
  ASSERT_EQ(lenient.skipped().size(), 3u);
  EXPECT_TRUE(contains(lenient.skipped()[2].cause, "c.png"));
  EXPECT_THROW(ImageSource({path("none")}, options), OperationError);
  EXPECT_THROW(ImageSource({path("set") + "[9:]"}, options), UsageError);
}

TEST_F(ImageSourceTest, NamesWhatCannotBeOpened) {
  EXPECT_THROW(ImageSource(std::vector<std::string>{}), UsageError);
  EXPECT_TRUE(contains(message_of<OperationError>([this] { ImageSource({path("none")}); }),
                       "none: no such file"));
  fs::create_directories(path("empty"));
  EXPECT_TRUE(contains(message_of<OperationError>([this] { ImageSource({path("empty")}); }),
                       "not searched"));
  EXPECT_THROW(ImageSource({put("x.gz", gzip({1, 2, 3, 4, 5}))}), UnsupportedError);
  Bytes cut = gzip(encode_idx_images(noise_set({1, 4, 4}, 3)));
  cut.resize(cut.size() - 1);
  EXPECT_THROW(ImageSource({put("cut.gz", cut)}), TruncatedError);
  EXPECT_THROW(ImageSource({put("none.idx", encode_idx_images(ImageSet({1, 4, 4})))}), UsageError);
}

TEST_F(ImageSourceTest, ReadsFromAPipe) {
  const std::string pipe = path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto open_with = [&](const Bytes& bytes) {
    std::thread writer([&] {
      std::ofstream stream(pipe, std::ios::binary);
      stream.write(reinterpret_cast<const char*>(bytes.data()),
                   static_cast<std::streamsize>(bytes.size()));
    });
    ImageSource source({pipe});
    writer.join();
    return source;
  };
  const Image image = noise_image({3, 4, 5});
  const ImageSource one = open_with(encode_image(image, "png"));
  EXPECT_EQ(one.shape(0), image.shape);
  EXPECT_EQ(one.load(0), image);
  EXPECT_EQ(one.load(0), image);
  EXPECT_EQ(open_with(encode_idx_images(noise_set({1, 4, 4}, 3))).size(), 3u);
}

TEST_F(ImageSourceTest, AnInputThatWasLookedAtBeforeIsNotReadAgain) {
  const std::string pipe = path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const Image image = noise_image({3, 40, 50});
  std::thread writer([&] { put("pipe", encode_image(image, "png")); });
  const SlicedInput input = parse_sliced_input(pipe);
  EXPECT_EQ(input.input.beginning(4)[1], 'P');
  const ImageSource source(std::vector<SlicedInput>{input});
  EXPECT_EQ(source.load(0), image);
  writer.join();
}

TEST_F(ImageSourceTest, TheCacheKeepsImagesWithinItsBytes) {
  for (int i = 0; i < 3; ++i) {
    put_image("set/" + std::to_string(i) + ".png",
              noise_image({1, 10, 10}, 8, static_cast<std::uint64_t>(i)));
  }
  SourceOptions options;
  options.cache_bytes = 250;  // two of them
  const ImageSource source({path("set")}, options);
  for (std::size_t i = 0; i < 3; ++i) source.load(i);
  fs::remove_all(path("set"));
  EXPECT_EQ(source.load(0), noise_image({1, 10, 10}, 8, 0));
  EXPECT_EQ(source.load(1), noise_image({1, 10, 10}, 8, 1));
  EXPECT_THROW(source.load(2), OperationError);
}

TEST_F(ImageSourceTest, ThreadsMayShareIt) {
  for (int i = 0; i < 20; ++i) {
    put_image("set/" + std::to_string(100 + i) + ".png",
              noise_image({1, 10, 10}, 8, static_cast<std::uint64_t>(i)));
  }
  SourceOptions options;
  options.cache_bytes = 1000;
  const ImageSource source({path("set")}, options);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&source] {
      for (std::size_t i = 0; i < 60; ++i) {
        EXPECT_EQ(source.load(i % 20), noise_image({1, 10, 10}, 8, i % 20));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(ImageSourceTest, ReportsWhatAFileHeldBesides) {
  const ImageSource source({put_image("x.png", Image({1, 1, 1})), put_digits("d", 1)});
  EXPECT_EQ(source.load_file(1).image, noise_image({1, 4, 4}));
}

}  // namespace
}  // namespace pie
