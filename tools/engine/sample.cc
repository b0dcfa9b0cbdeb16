// The second half of pie-sample.
#include <filesystem>

#include "lib/base/log.h"
#include "lib/codec/codec.h"
#include "lib/eval/model_images.h"
#include "lib/image/gzip.h"
#include "lib/image/idx.h"
#include "lib/image/image_io.h"
#include "lib/image/image_source.h"
#include "lib/image/mosaic.h"
#include "lib/model/model_store.h"
#include "tools/common/files.h"
#include "tools/engine/commands.h"
#include "tools/engine/device.h"
#include "tools/engine/progress.h"
#include "tools/pie_sample.h"

namespace pie {
namespace {

struct Grid {
  size_t rows = 0, columns = 0;
};

Grid parse_grid(const std::string& text) {
  Grid grid;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%zux%zu%c", &grid.rows, &grid.columns, &rest) != 2 ||
      grid.rows < 1 || grid.columns < 1 || grid.rows > 4096 || grid.columns > 4096) {
    throw UsageError("--grid takes rows x columns, such as 8x8, not '" + text + "'");
  }
  return grid;
}

ImageSet make_images(const CommonOptions& common, const SampleOptions& options,
                     const LoadedModel& model, size_t count) {
  if (!options.interpolate.empty()) {
    const ImageSource ends(options.interpolate, common.source_options());
    if (ends.size() != 2) {
      throw UsageError("--interpolate takes two images; choose one of a set with PATH[index]");
    }
    return interpolate(model, load_images(ends, {0, 1}, model.model->input_shape()), options.steps);
  }
  Progress progress(common, model.name());
  return coder_for(model)->draw(count, {options.temperature, options.residual_temperature,
                                        common.seed, [&](double done) { progress.show(done); }});
}

}  // namespace

int run_sample(const CommonOptions& common, const SampleOptions& options) {
  const std::filesystem::path output(options.output);
  const auto format = format_named_by(options.output);
  const bool folder = format.name.empty() && options.output != "-";
  if (!folder && options.output != "-" && format.name != kIdx && !is_writable_format(format.name)) {
    throw UsageError(options.output + ": unknown suffix; use one of " + writable_format_names() +
                     ", idx, or a folder");
  }
  const Grid grid = options.grid.empty() ? Grid{} : parse_grid(options.grid);
  size_t count = options.count;
  if (count == 0) count = grid.rows > 0 ? grid.rows * grid.columns : 16;
  const auto model = on_device(common, find_model(options.model));
  const auto images = make_images(common, options, model, count);
  log_detail(options.output, std::to_string(images.size()) + " images of " +
                                 to_string(images.shape()) + " by " + model.name());

  const auto write = [&](const Bytes& bytes) {
    write_output(options.output, format.gzip ? gzip_file(bytes) : bytes, options.force);
  };
  if (format.name == kIdx) {
    write(encode_idx_images(images));
  } else if (folder) {
    make_folder(options.output);
    for (size_t k = 0; k < images.size(); ++k) {
      char name[32];
      std::snprintf(name, sizeof name, "%05zu.png", k);
      write_output((output / name).string(), encode_image(images.image(k), "png"), options.force);
    }
  } else {
    int columns = static_cast<int>(grid.columns);
    if (columns == 0) {
      columns = options.interpolate.empty() ? square_columns(images.size())
                                            : static_cast<int>(images.size());
    }
    write(encode_image(mosaic(images, columns), format.name.empty() ? "pnm" : format.name));
  }
  return 0;
}

}  // namespace pie
