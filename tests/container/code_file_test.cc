// Files of several frames, metadata, and cuts on purpose or by accident.
#include "lib/container/code_file.h"

#include <gtest/gtest.h>

#include "tests/container/sample_files.h"

namespace pie::test {
namespace {

// -------------------------------------------------------------------------------------------
// Cuts

TEST(CodeFile, TruncationNamesWholeLayersAndRemedy) {
  const Bytes bytes = write_frame(digits(1, 4));
  const auto points = breakpoints(CodeFile(bytes).frames()[0]);
  ASSERT_EQ(points.size(), 4U);
  EXPECT_EQ(points[0].layer, "z");
  EXPECT_EQ(points[3].layer, "r_1");
  EXPECT_EQ(points[3].offset, bytes.size());
  const auto message = [&](std::uint64_t size) {
    const Bytes cut = first_bytes(bytes, static_cast<std::size_t>(size));
    return failure([&] { CodeFile(cut).require_layers(); });
  };
  EXPECT_EQ(message(points[1].offset + 1), "truncated in layer r_2; layers z, r_3 are whole");
  EXPECT_EQ(message(points[0].offset), "truncated in layer r_3; layer z is whole");
  EXPECT_EQ(message(points[0].offset - 1), "truncated in layer z; no layer is whole");
  EXPECT_EQ(message(10), "truncated at byte 10, inside the frame at byte 0");

  const Bytes kept_bytes = first_bytes(bytes, static_cast<std::size_t>(points[1].offset));
  const CodeFile file(kept_bytes);
  EXPECT_EQ(breakpoints(file.frames()[0]).size(), 2U);
  EXPECT_NO_THROW(file.require_layers(2));
  EXPECT_THROW(file.require_layers(3), TruncatedError);
  EXPECT_EQ(failure([&] { file.require_layers(5); }), "the code file holds 4 of 4 layers, not 5");
}

// -------------------------------------------------------------------------------------------
// Several frames, metadata

TEST(CodeFile, FramesConcatenateAndSkippableFramesAreSkipped) {
  const Bytes a = write_frame(digits(1, 2));
  const Bytes b = write_frame(digits(kTwoBlocks, 2));
  const Bytes skip = write_skippable_frame(15, {1, 2, 3});
  const Bytes bytes = concatenated({skip, a, skip, b, write_skippable_frame(0, {})});
  const CodeFile file(bytes);
  ASSERT_EQ(file.frames().size(), 2U);
  EXPECT_NO_THROW(file.check());
  EXPECT_EQ(file.frames()[1].offset(), 2 * skip.size() + a.size());
  EXPECT_EQ(decode_all(bytes)[3], layer_symbols(kTwoBlocks, 1));
  const FileSummary summary = file.summary();
  EXPECT_EQ(summary.images, 1 + kTwoBlocks);
  EXPECT_EQ(summary.payload_bytes + summary.overhead_bytes, a.size() + b.size());
  EXPECT_THROW(write_skippable_frame(16, {}), UsageError);
  EXPECT_THROW(CodeFile{skip}, DamagedError);
}

TEST(CodeFile, SkippableFramesAreManyOrCut) {
  const Bytes a = write_frame(digits(1, 2)), empty = write_skippable_frame(3, {});
  Bytes many;
  for (int i = 0; i < 20000; ++i) many.insert(many.end(), empty.begin(), empty.end());
  const Bytes around = concatenated({many, a, many});
  EXPECT_EQ(CodeFile(around).frames()[0].offset(), many.size());
  for (const Bytes& last : {first_bytes(write_skippable_frame(0, {1, 2}), 9), first_bytes(a, 7)}) {
    const Bytes cut = concatenated({many, last});
    EXPECT_EQ(failure([&] { CodeFile file(cut); }),
              "truncated at byte " + std::to_string(cut.size()) + ", inside the frame at byte " +
                  std::to_string(many.size()));
  }
}

TEST(CodeFile, JunkBehindAFrameIsDamage) {
  const Bytes a = write_frame(digits(1, 2));
  for (const Bytes& junk : {Bytes{0}, Bytes{'\n'}, Bytes{'P', 'I', 'E'}, Bytes(50, 0xFF)}) {
    const Bytes bytes = concatenated({a, junk});
    EXPECT_EQ(failure([&] { CodeFile file(bytes); }),
              "damaged at byte " + std::to_string(a.size()) + ": not a frame");
  }
}

TEST(CodeFile, CutsBetweenFramesAreValidAndOthersConcernTheLastFrame) {
  const Bytes a = write_frame(digits(1, 2));
  const Bytes two = concatenated({a, a});
  const Bytes one = first_bytes(two, a.size());
  EXPECT_NO_THROW(CodeFile(one).check());
  for (std::size_t size = a.size() + 1; size < two.size(); ++size) {
    const Bytes kept_bytes = first_bytes(two, size);
    const CodeFile file(kept_bytes);
    EXPECT_TRUE(file.truncated());
    EXPECT_FALSE(file.frames()[0].truncated());
    EXPECT_THROW(file.require_layers(2), TruncatedError);
    EXPECT_THROW(file.check(), TruncatedError);
  }
  const Bytes cut = first_bytes(two, a.size() + 5);
  EXPECT_EQ(failure([&] { CodeFile(cut).require_layers(); }),
            "truncated at byte " + std::to_string(cut.size()) + ", inside the frame at byte " +
                std::to_string(a.size()) + "; 1 frame is whole");
}

TEST(CodeFile, MetadataRoundTripsAndDamageToItIsAWarning) {
  Frame frame = digits(1, 2);
  const std::size_t without = write_frame(frame).size();
  frame.chunks = {{"iCCP", Bytes(200, 7)}, {"prIv", {}}};
  const Bytes bytes = write_frame(frame);
  const CodeFile file(bytes);
  const auto chunks = file.frames()[0].chunks();
  ASSERT_EQ(chunks.size(), 2U);
  EXPECT_EQ(chunks[0].type, "iCCP");
  EXPECT_EQ(chunks[0].data, Bytes(200, 7));
  EXPECT_EQ(chunks[1].type, "prIv");
  EXPECT_GT(bytes.size(), without + 200);

  Bytes damaged = bytes;
  damaged[bytes.size() - 100] ^= 1;
  const CodeFile other(damaged);
  std::vector<std::string> warnings;
  EXPECT_EQ(other.frames()[0].chunks(&warnings).size(), 1U);
  EXPECT_EQ(warnings.size(), 1U);
  EXPECT_THROW(other.frames()[0].chunks(), DamagedError);
  EXPECT_THROW(other.check(), DamagedError);

  const Bytes cut = first_bytes(bytes, bytes.size() - 1);
  const CodeFile truncated(cut);
  warnings.clear();
  EXPECT_EQ(truncated.frames()[0].chunks(&warnings).size(), 1U);
  EXPECT_EQ(warnings, std::vector<std::string>{"truncated in the metadata"});
  EXPECT_EQ(failure([&] { truncated.require_layers(); }),
            "truncated in the metadata; layers z, r_1 are whole");
}

TEST(CodeFile, UnknownCriticalMetadataNeedsANewerReader) {
  Frame frame = digits(1, 2);
  frame.chunks = {{"NeED", {1}}};
  const Bytes bytes = write_frame(frame);
  const CodeFile file(bytes);
  std::vector<std::string> warnings;
  EXPECT_THROW(file.frames()[0].chunks(&warnings), UnsupportedError);
  EXPECT_THROW(file.check(), UnsupportedError);
}

}  // namespace
}  // namespace pie::test
