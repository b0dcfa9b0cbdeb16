// The second half of pie-encode: reads images, codes them, writes code files.
#include <cmath>
#include <filesystem>
#include <iostream>

#include "lib/base/log.h"
#include "lib/codec/codec.h"
#include "lib/codec/npy.h"
#include "lib/image/image_source.h"
#include "lib/model/model_store.h"
#include "tools/common/run_main.h"
#include "tools/engine/commands.h"
#include "tools/pie_encode.h"

namespace pie {
namespace {

// For any image, and lossless.
constexpr const char* kDefaultModel = "pie-int-photo";

// Images that become one frame of one output file.
struct Job {
  std::string name;  // of the input
  std::string root;  // the folder that was given, if it lies in one
  std::vector<size_t> images;
  bool archive;
};

class EncodeRun {
 public:
  EncodeRun(const CommonOptions& common, const EncodeOptions& options)
      : common_(common),
        options_(options),
        model_(find_model(options.model.empty() ? kDefaultModel : options.model)),
        outputs_(options.outputs) {
    coding_.layers = options.layers;
    if (options.step > 0) {
      coding_.step = static_cast<uint32_t>(std::lround(options.step * kUnitsPerSigma));
    }
    if (model_.integer()) {
      if (options.step > 0) {
        throw UsageError("--step is of real-valued models; " + model_.name() +
                         " codes every bit, or with --layers K exact coarse samples");
      }
    } else if (options.lossless) {
      throw UsageError("--lossless needs an integer model (pie-int-...), and " + model_.name() +
                       " is real-valued; leave --lossless away, or choose another model");
    }
  }

  int run() {
    ExitCode worst = ExitCode::kOk;
    // Several inputs with one output file become one archive; otherwise each input is on its own.
    if (!options_.destination.file.empty() && options_.files.size() > 1) {
      worst = run_for_file("", [&] { return encode_paths(options_.files, true); });
    } else {
      for (const auto& path : options_.files) {
        worst = worse(worst, run_for_file(path == "-" ? "stdin" : path,
                                          [&] { return encode_paths({path}, false); }));
      }
    }
    if (!options_.latents.empty()) {
      worst = worse(worst, run_for_file(options_.latents, [&] {
                      if (worst != ExitCode::kOk && worst != ExitCode::kWarnings) {
                        throw OperationError(
                            "not written, because its rows would not be those of "
                            "the images given; leave out what failed");
                      }
                      write_output(options_.latents, write_npy(torch::cat(latents_)),
                                   options_.destination.overwrite, "");
                      return ExitCode::kOk;
                    }));
    }
    if (common_.json && !options_.destination.to_stdout) std::cout << reports_.dump(1) << "\n";
    return static_cast<int>(worst);
  }

 private:
  // Codes all images of `paths`, in one frame if `together`, else each file by itself (an IDX or
  // CIFAR file is one).
  ExitCode encode_paths(const std::vector<std::string>& paths, bool together) {
    SourceOptions source_options;
    source_options.recursive = options_.recursive;
    const ImageSource source(paths, source_options);
    std::vector<Job> jobs;
    for (const auto& part : source.parts()) {
      if (together && !jobs.empty()) {
        for (size_t i = 0; i < part.count; ++i) jobs[0].images.push_back(part.first + i);
        continue;
      }
      const bool one = together || part.archive;
      for (size_t i = 0; i < (one ? 1 : part.count); ++i) {
        const auto name = one ? part.path : source.name(part.first + i);
        jobs.push_back({name, name == part.path ? "" : part.path, {}, one});
        for (size_t k = 0; k < (one ? part.count : 1); ++k) {
          jobs.back().images.push_back(part.first + i + k);
        }
      }
    }
    if (jobs.size() > 1 && !options_.destination.file.empty()) {
      jobs[0].archive = true;
      for (size_t j = 1; j < jobs.size(); ++j) jobs[0].images.push_back(jobs[j].images[0]);
      jobs.resize(1);
    }
    ExitCode worst = ExitCode::kOk;
    for (const auto& job : jobs) {
      worst = worse(worst, run_for_file(job.name == "-" ? "stdin" : job.name,
                                        [&] { return encode_job(source, job); }));
    }
    return worst;
  }

  ExitCode encode_job(const ImageSource& source, const Job& job) {
    ExitCode outcome = ExitCode::kOk;
    ImageSet images;
    int bits = 8;
    auto coding = coding_;
    coding.archive = job.archive;
    for (const size_t i : job.images) {
      const auto file = source.load_file(i);
      if (file.image.bits != 8 && !model_.integer()) {
        throw UsageError("has " + std::to_string(file.image.bits) + " bits a sample, the model " +
                         model_.name() + " codes 8; convert the image, or choose another model");
      }
      for (const auto& chunk : file.dropped) {
        log_warning(source.name(i), "its " + chunk + " is not kept");
        outcome = ExitCode::kWarnings;
      }
      if (images.geometry().channels == 0) {
        images = ImageSet(file.image.geometry);
        bits = file.image.bits;
      }
      if (file.image.geometry != images.geometry() || file.image.bits != bits) {
        throw ShapeError(source.name(i) + ": is " + to_string(file.image.geometry) + " of " +
                         std::to_string(file.image.bits) + " bits, the archive's first image is " +
                         to_string(images.geometry()) + " of " + std::to_string(bits) +
                         "; encode them one by one, with -O");
      }
      Image image = file.image;
      if (bits == 16) {
        image = high_bytes(file.image);
        const auto low = low_bytes(file.image);
        coding.low_bytes.insert(coding.low_bytes.end(), low.begin(), low.end());
      }
      images.append(image);
    }
    const auto encoded = encode_images(model_, images, coding);
    if (!options_.latents.empty()) {
      if (!latents_.empty() && latents_[0].size(1) != encoded.z.size(1)) {
        throw ShapeError("has a z of " + std::to_string(encoded.z.size(1)) +
                         " numbers, the first image of " + std::to_string(latents_[0].size(1)) +
                         "; --latents needs images of one size");
      }
      latents_.push_back(encoded.z);
    }
    const auto& destination = options_.destination;
    const bool code_wanted = options_.latents.empty() || destination.to_stdout ||
                             !destination.file.empty() || !destination.folder.empty();
    if (code_wanted) {
      const auto output = destination.path_for(job.name + ".pie", job.root);
      outputs_.claim(output, job.name);
      if (!destination.folder.empty()) {
        make_folder(std::filesystem::path(output).parent_path().string());
      }
      write_output(output, encoded.frame, destination.overwrite, job.name);
      report(job, images, coding.low_bytes.size(), encoded, output);
    }
    return outcome;
  }

  void report(const Job& job, const ImageSet& images, size_t low_bytes,
              const EncodedImages& encoded, const std::string& output) {
    const auto samples = static_cast<double>(images.pixels().size());
    const double bits_per_dim = 8 * static_cast<double>(encoded.frame.size()) / samples;
    Json layers = Json::array();
    for (const auto& layer : encoded.layers) {
      layers.push_back({{"name", layer.name},
                        {"payload_bytes", layer.payload_bytes},
                        {"ideal_bytes", layer.ideal_bits / 8},
                        {"model_blocks", layer.model_blocks},
                        {"plain_blocks", layer.plain_blocks}});
    }
    reports_.push_back({{"input", job.name},
                        {"output", output},
                        {"images", images.size()},
                        {"raw_bytes", images.pixels().size() + low_bytes},
                        {"file_bytes", encoded.frame.size()},
                        {"bits_per_dim", bits_per_dim},
                        {"layers", layers}});
    if (output == "-") return;
    char text[160];
    std::snprintf(text, sizeof text, "%zu -> %zu B, %.3f bits/dim, z %llu B, %zu layer(s)",
                  images.pixels().size() + low_bytes, encoded.frame.size(), bits_per_dim,
                  static_cast<unsigned long long>(encoded.layers[0].payload_bytes),
                  encoded.layers.size());
    log_note(job.name, text);
  }

  const CommonOptions& common_;
  const EncodeOptions& options_;
  LoadedModel model_;
  CodingOptions coding_;
  std::vector<torch::Tensor> latents_;
  OutputPaths outputs_;
  Json reports_ = Json::array();
};

}  // namespace

int run_encode(const CommonOptions& common, const EncodeOptions& options) {
  return EncodeRun(common, options).run();
}

}  // namespace pie
