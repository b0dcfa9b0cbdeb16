#include "lib/image/mosaic.h"

#include <algorithm>
#include <string>

#include "lib/base/error.h"
#include "lib/image/image_file.h"

namespace pie {
namespace {

// The side, in pixels, of `cells` cells of `size` pixels with margins.
std::int64_t side(std::uint64_t cells, std::int64_t size, const MosaicOptions& options) {
  const std::uint64_t cell =
      static_cast<std::uint64_t>(size) * static_cast<std::uint64_t>(options.zoom) +
      static_cast<std::uint64_t>(options.margin);
  constexpr std::uint64_t kLimit = kMaxSide;
  if (cell > kLimit || cells > kLimit || cells * cell + cell > kLimit) {
    throw UsageError("a mosaic of " + std::to_string(cells) + " cells of " + std::to_string(size) +
                     " pixels in a line, zoomed " + std::to_string(options.zoom) +
                     " times, is too large");
  }
  return static_cast<std::int64_t>(cells * cell) + options.margin;
}

}  // namespace

Image mosaic(const ImageSet& images, int columns, const MosaicOptions& options) {
  return stacked_mosaic({&images}, columns, options);
}

Image stacked_mosaic(const std::vector<const ImageSet*>& versions, int columns,
                     const MosaicOptions& options) {
  if (versions.empty() || versions[0]->empty()) throw UsageError("a mosaic needs images");
  if (columns < 1 || options.zoom < 1 || options.margin < 0) {
    throw UsageError(
        "a mosaic needs at least one column, a zoom of at least 1, and no negative "
        "margin");
  }
  const Shape& cell = versions[0]->shape();
  const std::size_t count = versions[0]->size();
  for (const ImageSet* set : versions) {
    if (set->shape() != cell || set->size() != count) {
      throw ShapeError("a mosaic cannot stack " + std::to_string(count) + " images of " +
                       to_string(cell) + " on " + std::to_string(set->size()) + " of " +
                       to_string(set->shape()));
    }
  }
  const std::size_t width = static_cast<std::size_t>(columns);
  const std::size_t bands = (count + width - 1) / width;
  Image result(Shape{cell.channels, side(bands * versions.size(), cell.height, options),
                     side(width, cell.width, options)});
  std::fill(result.samples.begin(), result.samples.end(), options.background);
  if (cell.channels % 2 == 0) {
    const std::size_t step = static_cast<std::size_t>(cell.channels);
    for (std::size_t i = step - 1; i < result.samples.size(); i += step) result.samples[i] = 255;
  }

  for (std::size_t v = 0; v < versions.size(); ++v) {
    for (std::size_t i = 0; i < count; ++i) {
      const Image image = versions[v]->image(i);
      const auto row = static_cast<std::int64_t>((i / width) * versions.size() + v);
      const auto column = static_cast<std::int64_t>(i % width);
      const std::int64_t top = options.margin + row * (cell.height * options.zoom + options.margin);
      const std::int64_t left =
          options.margin + column * (cell.width * options.zoom + options.margin);
      for (std::int64_t y = 0; y < cell.height * options.zoom; ++y) {
        for (std::int64_t x = 0; x < cell.width * options.zoom; ++x) {
          for (std::int64_t c = 0; c < cell.channels; ++c) {
            result.set(top + y, left + x, c, image.at(y / options.zoom, x / options.zoom, c));
          }
        }
      }
    }
  }
  return result;
}

int square_columns(std::size_t count) {
  int columns = 1;
  while (static_cast<std::size_t>(columns) * static_cast<std::size_t>(columns) < count) ++columns;
  return columns;
}

}  // namespace pie
