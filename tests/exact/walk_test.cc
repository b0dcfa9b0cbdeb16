// The walk rebuilds every image, asks networks in one order, and shows nothing before it is known.
#include "lib/exact/walk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/exact/image_planes.h"

namespace pie {
namespace {

using test::Images;

// One thing that the walk hands out.
struct Event {
  enum class Kind { kBegin, kInject, kHead, kVisit } kind;
  std::int64_t number;  // scale, phase, plane's channel, plane's number
  CellGrid grid;        // of the scale
  std::int64_t columns;
  std::vector<int> data;    // features or bases
  std::vector<int> around;  // levels, of visits
};

bool operator==(const CellGrid& a, const CellGrid& b) {
  return a.n == b.n && a.height == b.height && a.width == b.width;
}
bool operator==(const Event& a, const Event& b) {
  return a.kind == b.kind && a.number == b.number && a.grid == b.grid && a.columns == b.columns &&
         a.data == b.data && a.around == b.around;
}

// Networks that only remember what they are asked.
class Recorder {
 public:
  void begin(std::int64_t scale, const CellGrid& grid, const FeatureRows& coarse) {
    grid_ = grid;
    add(Event::Kind::kBegin, scale, coarse);
  }
  void inject(std::size_t phase, const FeatureRows& planes) {
    add(Event::Kind::kInject, static_cast<std::int64_t>(phase), planes);
  }
  // Says which call it was.
  std::size_t head(const ExactPlane& plane, const FeatureRows& before) {
    add(Event::Kind::kHead, plane.channel, before);
    return events.size();
  }
  void visit(std::size_t plane, const std::vector<std::int16_t>& bases,
             const Surroundings& around) {
    EXPECT_TRUE(around.grid == grid_);
    std::vector<int> shown;
    for (const auto* channels : {around.coarse, around.diagonal, around.before}) {
      if (channels == nullptr) continue;
      for (const auto& levels : *channels) {
        EXPECT_EQ(levels.size(), grid_.cells());
        shown.insert(shown.end(), levels.begin(), levels.end());
      }
    }
    events.push_back({Event::Kind::kVisit,
                      static_cast<std::int64_t>(plane),
                      grid_,
                      1,
                      {bases.begin(), bases.end()},
                      shown});
  }

  std::vector<Event> events;

 private:
  void add(Event::Kind kind, std::int64_t number, const FeatureRows& rows) {
    EXPECT_EQ(rows.data.size(), grid_.cells() * static_cast<std::size_t>(rows.columns));
    for (const auto feature : rows.data) EXPECT_LE(feature, 127);
    events.push_back({kind, number, grid_, rows.columns, {rows.data.begin(), rows.data.end()}, {}});
  }

  CellGrid grid_{};
};

// What the first channel of a photograph is expected to be is the mean of what is around.
void expect_means_of(const Surroundings& around, const ExactPlane& plane,
                     const std::vector<std::int16_t>& bases) {
  std::size_t k = 0;
  for (std::int64_t i = 0; i < around.grid.n; ++i) {
    for (std::int64_t y = 0; y < plane.rows; ++y) {
      for (std::int64_t x = 0; x < plane.columns; ++x) {
        const auto four =
            neighbour_levels(around.coarse->front().data(), around.diagonal->front().data(),
                             around.grid, plane.phase, i * around.grid.height + y, x);
        EXPECT_EQ(bases.at(k++), kMeanSteps * (four[0] + four[1] + four[2] + four[3]) / 4);
      }
    }
  }
}

struct Walked {
  std::vector<Event> events;
  std::vector<Bytes> channels;
};

// A walk on which the samples of the planes are those of `images`.
Walked walk(const ExactView& view, Images images, std::int64_t finest = 0) {
  const auto planes = exact_planes(view.layout, images.height, images.width);
  Recorder recorder;
  std::size_t next = 0;
  const auto visit = [&](std::size_t plane, std::size_t head,
                         const std::vector<std::int16_t>& bases, const Surroundings& around) {
    EXPECT_EQ(plane, next++);
    EXPECT_EQ(head, recorder.events.size());  // asked for this very plane
    const auto& own = planes.at(plane);
    EXPECT_EQ(around.coarse == nullptr, own.scale == view.layout.depth);
    EXPECT_EQ(around.diagonal == nullptr, own.scale == view.layout.depth);
    EXPECT_EQ(around.before->size(), static_cast<std::size_t>(own.channel));
    recorder.visit(plane, bases, around);
    if (view.relative_means && own.channel == 0 && around.coarse != nullptr) {
      expect_means_of(around, own, bases);
    }
    return test::samples_of(images, view.layout, own);
  };
  ExactWalk<Recorder, decltype(visit)> walk(view, recorder, visit);
  auto channels = walk.run(images.n, images.height, images.width, finest);
  EXPECT_TRUE(next == planes.size() || planes[next].scale < finest);
  return {recorder.events, channels};
}

// Calls check(view, images) for images of many sizes.
template <typename Check>
void for_all_images(const Check& check) {
  std::uint64_t seed = 0;
  for (const auto& [height, width] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {1, 1}, {1, 7}, {5, 3}, {6, 1}, {8, 8}, {9, 14}}) {
    for (const std::int64_t depth : {1, 3}) {
      for (const std::int64_t channels : {1, 3}) {
        for (const std::int64_t n : {1, 3}) {
          for (const bool photo : {false, true}) {
            SCOPED_TRACE(std::to_string(n) + " of " + std::to_string(channels) + "x" +
                         std::to_string(height) + "x" + std::to_string(width) + ", depth " +
                         std::to_string(depth) + (photo ? ", photo" : ""));
            check(ExactView{{channels, depth, 1}, !photo, photo},
                  test::random_images(n, channels, height, width, ++seed));
          }
        }
      }
    }
  }
}

TEST(ExactWalks, RebuildImages) {
  for_all_images([](const ExactView& view, const Images& images) {
    EXPECT_EQ(walk(view, images).channels, images.channels);
  });
}

// Of every scale: every second row and column of the one before.
TEST(ExactWalks, EndAtTheScaleThatIsAskedFor) {
  for_all_images([](const ExactView& view, const Images& images) {
    const auto events = walk(view, images).events;
    Images expected = images;
    for (std::int64_t scale = 0; scale <= view.layout.depth; ++scale) {
      const auto part = walk(view, images, scale);
      EXPECT_EQ(part.channels, expected.channels) << scale;
      // And what is handed out on the way is the beginning of all.
      ASSERT_LE(part.events.size(), events.size());
      EXPECT_TRUE(std::equal(part.events.begin(), part.events.end(), events.begin()));
      Images half{images.n, (expected.height + 1) / 2, (expected.width + 1) / 2, {}};
      for (std::int64_t c = 0; c < view.layout.channels; ++c) {
        half.channels.emplace_back(static_cast<std::size_t>(half.n * half.height * half.width));
        for (std::int64_t i = 0; i < half.n; ++i) {
          for (std::int64_t y = 0; y < half.height; ++y) {
            for (std::int64_t x = 0; x < half.width; ++x) {
              half.at(c, i, y, x) = expected.at(c, i, 2 * y, 2 * x);
            }
          }
        }
      }
      expected = half;
    }
  });
}

// What a decoder does not know yet must not matter: images that differ from a plane on are alike up
// to its visit, and differ in what comes next.
TEST(ExactWalks, ShowKnownSamplesOnly) {
  for_all_images([](const ExactView& view, const Images& images) {
    const auto events = walk(view, images).events;
    const auto planes = exact_planes(view.layout, images.height, images.width);
    for (std::size_t p = 0; p < planes.size(); ++p) {
      auto others = images;
      for (std::size_t later = p; later < planes.size(); ++later) {
        for (const auto& [y, x] : test::positions(view.layout, planes[later])) {
          for (std::int64_t i = 0; i < images.n; ++i) {
            auto& level = others.at(planes[later].channel, i, y, x);
            level = static_cast<std::uint8_t>(level + 77);
          }
        }
      }
      const auto found = walk(view, others).events;
      ASSERT_EQ(found.size(), events.size());
      std::size_t k = 0;
      while (k < events.size() && events[k] == found[k]) ++k;
      // Nothing needs to follow the last plane; all others are shown to someone.
      if (k == events.size() && p + 1 == planes.size()) continue;
      ASSERT_LT(k, events.size()) << "plane " << p;
      ASSERT_GT(k, 0U);
      EXPECT_EQ(events[k - 1].kind, Event::Kind::kVisit) << "plane " << p;
      EXPECT_EQ(events[k - 1].number, static_cast<std::int64_t>(p));
    }
  });
}

TEST(ExactWalks, AskNetworksInOrder) {
  using Kind = Event::Kind;
  for_all_images([](const ExactView& view, const Images& images) {
    const auto& layout = view.layout;
    const auto scales = scale_images(layout, images.height, images.width);
    const auto planes = exact_planes(layout, images.height, images.width);
    const auto events = walk(view, images).events;
    std::size_t at = 0, plane = 0;
    const auto expect = [&](Kind kind, std::int64_t number, std::int64_t scale,
                            std::int64_t columns) {
      ASSERT_LT(at, events.size());
      const auto& event = events[at++];
      // A scale's cells are the pixels of the next one's image.
      const auto& cells = scales[static_cast<std::size_t>(std::min(scale + 1, layout.depth))];
      EXPECT_EQ(event.kind, kind);
      EXPECT_EQ(event.number, number);
      EXPECT_TRUE((event.grid == CellGrid{images.n, cells.height, cells.width}));
      EXPECT_EQ(event.columns, columns);
    };
    const auto expect_planes = [&](std::int64_t scale, std::size_t phase) {
      for (std::int64_t c = 0; c < layout.channels; ++c) {
        if (plane == planes.size() || planes[plane].scale != scale ||
            planes[plane].phase != phase) {
          return;
        }
        expect(Kind::kHead, c, scale, c * view.plane_features());
        const auto samples = images.n * planes[plane].samples();
        EXPECT_EQ(events.at(at).data.size(), static_cast<std::size_t>(samples));
        expect(Kind::kVisit, static_cast<std::int64_t>(plane++), scale, 1);
      }
    };
    expect(Kind::kBegin, layout.depth, layout.depth, 0);
    expect_planes(layout.depth, 0);
    for (auto scale = layout.depth; scale-- > 0;) {
      expect(Kind::kBegin, scale, scale, view.coarse_features());
      for (std::size_t phase = 0; phase < 3; ++phase) {
        expect_planes(scale, phase);
        if (phase == 2) continue;
        expect(Kind::kInject, static_cast<std::int64_t>(phase) + 1, scale,
               layout.channels * view.plane_features());
      }
    }
    EXPECT_EQ(at, events.size());
  });
}

// One event's features of one kind, cell by cell.
std::vector<int> column(const Event& event, std::int64_t k) {
  std::vector<int> result;
  for (auto i = static_cast<std::size_t>(k); i < event.data.size();
       i += static_cast<std::size_t>(event.columns)) {
    result.push_back(event.data[i]);
  }
  return result;
}

// 3x3 has 2x2 cells, of which only one has a sample on the diagonal: the others show the coarse
// sample, and no difference from it that they do not have.
TEST(ExactWalks, CellsOverAnOddEdgeShowTheirCoarseSample) {
  const ExactView view{{1, 1, 1}, false, true};
  const Images images{1, 3, 3, {{10, 20, 30, 40, 50, 60, 70, 80, 90}}};
  const auto events = walk(view, images).events;
  std::vector<Event> injected;
  for (const auto& event : events) {
    if (event.kind == Event::Kind::kInject) injected.push_back(event);
  }
  ASSERT_EQ(injected.size(), 2U);
  EXPECT_EQ(column(injected[0], 0), (std::vector<int>{25, 15, 35, 45}));
  // 50 is the mean of the corners.
  EXPECT_EQ(column(injected[0], 1)[0], 64);
  // Phase (0, 1) has samples in the left cells.
  EXPECT_EQ(column(injected[1], 0), (std::vector<int>{10, 15, 40, 45}));
}

// Behind the first sample, nothing of an image of one colour is a surprise.
TEST(ExactWalks, FlatImagesAreExpected) {
  const std::vector<std::uint8_t> colour{100, 40, 250};
  const ExactView view{{3, 2, 1}, false, true};
  Images images{2, 5, 6, {}};
  for (const auto level : colour) images.channels.emplace_back(60, level);
  const auto planes = exact_planes(view.layout, 5, 6);
  for (const auto& event : walk(view, images).events) {
    if (event.kind != Event::Kind::kVisit) continue;
    const auto& plane = planes.at(static_cast<std::size_t>(event.number));
    int expected = kMeanSteps * colour.at(static_cast<std::size_t>(plane.channel));
    if (plane.scale == view.layout.depth) {
      // z is expected in the middle, and off it by as much as the channels before are: by the
      // second, and by the average of both.
      const int first = kMeanSteps * 100 - kMiddleOfMeans,
                second = kMeanSteps * 40 - kMiddleOfMeans;
      const std::vector<int> off{0, first, (first + second) / 2};
      expected = kMiddleOfMeans + off.at(static_cast<std::size_t>(plane.channel));
    }
    EXPECT_EQ(event.data, std::vector<int>(event.data.size(), expected)) << event.number;
  }
}

// Of gray photographs: of the four samples around, mirrored at the edges of an even image.
TEST(ExactWalks, BasesAreTheMeansOfKnownNeighbours) {
  const ExactView view{{1, 2, 1}, false, true};
  constexpr std::int64_t kSide = 8;
  auto images = test::random_images(2, 1, kSide, kSide);
  const auto planes = exact_planes(view.layout, kSide, kSide);
  for (const auto& event : walk(view, images).events) {
    if (event.kind != Event::Kind::kVisit || event.number == 0) continue;
    const auto& plane = planes.at(static_cast<std::size_t>(event.number));
    const std::int64_t unit = std::int64_t{1} << plane.scale;
    const auto level = [&](std::int64_t i, std::int64_t y, std::int64_t x) {
      const auto inside = [&](std::int64_t at) {
        return at < 0 ? -at : at >= kSide ? 2 * (kSide - unit) - at : at;
      };
      return images.at(0, i, inside(y), inside(x));
    };
    std::vector<int> expected;
    for (std::int64_t i = 0; i < images.n; ++i) {
      for (const auto& [y, x] : test::positions(view.layout, plane)) {
        const std::int64_t u = unit;
        const int sum = plane.phase == 0 ? level(i, y - u, x - u) + level(i, y - u, x + u) +
                                               level(i, y + u, x - u) + level(i, y + u, x + u)
                                         : level(i, y - u, x) + level(i, y + u, x) +
                                               level(i, y, x - u) + level(i, y, x + u);
        expected.push_back(kMeanSteps * sum / 4);
      }
    }
    EXPECT_EQ(event.data, expected) << event.number;
  }
}

TEST(ExactWalks, MeansOfPicturesThatAreNotPhotographsAreAbsolute) {
  const ExactView view{{3, 2, 1}, true, false};
  for (const auto& event : walk(view, test::random_images(2, 3, 5, 6)).events) {
    if (event.kind != Event::Kind::kVisit) continue;
    for (const int base : event.data) EXPECT_EQ(base, kMiddleOfMeans);
  }
}

// What neighbours and the channels before predict stays a mean that mixtures can have.
TEST(ExactWalks, BasesStayInRange) {
  const ExactView view{{3, 2, 1}, false, true};
  Images images = test::random_images(1, 3, 16, 16);
  for (auto& levels : images.channels) {
    for (auto& level : levels) level = level < 128 ? 0 : 255;
  }
  bool lowest = false, highest = false;
  for (const auto& event : walk(view, images).events) {
    if (event.kind != Event::Kind::kVisit) continue;
    for (const int base : event.data) {
      EXPECT_GE(base, kLowestMean);
      EXPECT_LE(base, kHighestMean);
      lowest = lowest || base == kLowestMean;
      highest = highest || base == kHighestMean;
    }
  }
  EXPECT_TRUE(lowest && highest);  // or the range was not tried
}

}  // namespace
}  // namespace pie
