// The second half of pie-encode: reads images, codes them, writes code files.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>

#include "lib/base/log.h"
#include "lib/codec/codec.h"
#include "lib/codec/npy.h"
#include "lib/coding/normal_table.h"
#include "lib/image/image_source.h"
#include "lib/model/model_store.h"
#include "tools/common/run_main.h"
#include "tools/engine/commands.h"
#include "tools/engine/progress.h"
#include "tools/pie_encode.h"

namespace pie {
namespace {

// For any image, and lossless.
constexpr const char* kDefaultModel = "pie-photo";

// Images that become one frame of one output file.
struct Job {
  std::string name;                // of the input
  std::string root;                // the folder that was given, if it lies in one
  std::vector<std::string> files;  // all that it reads; none if not whole files
  size_t first, count;             // images of the source
  bool archive;
};

class EncodeRun {
 public:
  EncodeRun(const CommonOptions& common, const EncodeOptions& options)
      : common_(common),
        options_(options),
        model_(options.coder == "floor"
                   ? floor_model()
                   : find_model(options.model.empty() ? kDefaultModel : options.model)),
        outputs_(options.outputs) {
    coding_.layers = options.layers;
    coding_.effort = options.effort;
    if (options.coder == "auto") coding_.coder = CoderChoice::kSmallest;
    coding_.step = static_cast<uint32_t>(std::lround(options.step * kUnitsPerSigma));
    const bool exact = coder_for(model_)->exact();
    if (exact && options.step > 0) {
      throw UsageError("--step is of real-valued models; " + model_.name() +
                       " codes every bit, or with --layers K exact coarse samples");
    }
    if (!exact && options.lossless) {
      throw UsageError("--lossless needs an exact model (pie-photo, pie-exact-...), and " +
                       model_.name() +
                       " is real-valued; leave --lossless away, or choose another model");
    }
  }

  int run() {
    ExitCode worst = ExitCode::kOk;
    // Several inputs with one output file become one archive; otherwise each input is on its own.
    if (!options_.destination.file.empty() && options_.images.size() > 1) {
      worst = run_for_file("", [&] { return encode_inputs(options_.images, true); });
    } else {
      for (const auto& input : options_.images) {
        worst = worse(
            worst, run_for_file(input.input.name(), [&] { return encode_inputs({input}, false); }));
      }
    }
    if (!options_.latents.empty()) {
      worst = worse(worst, run_for_file(options_.latents, [&] {
                      if (worst != ExitCode::kOk) {
                        throw OperationError(
                            "not written, because its rows would not be those of "
                            "the images given; leave out what failed");
                      }
                      outputs_.claim(options_.latents, "--latents");
                      write_output(options_.latents, write_npy(torch::cat(latents_)),
                                   options_.destination.overwrite);
                      return ExitCode::kOk;
                    }));
    }
    if (reports_.size() > 1 && bytes_after_ > 0) {
      log_note(std::to_string(reports_.size()) + " files: " + ratio(bytes_before_, bytes_after_));
    }
    if (common_.json && !options_.destination.to_stdout) std::cout << reports_.dump(1) << "\n";
    return static_cast<int>(worst);
  }

 private:
  // Codes all images of `inputs`, in one frame if `together`, else each file by itself (an IDX or
  // CIFAR file is one).
  ExitCode encode_inputs(const std::vector<SlicedInput>& inputs, bool together) {
    SourceOptions source_options;
    source_options.recursive = options_.recursive;
    source_options.hold_archives = false;
    const ImageSource source(inputs, source_options);
    const bool whole = std::none_of(inputs.begin(), inputs.end(),
                                    [](const SlicedInput& input) { return input.slice; });
    std::vector<Job> jobs;
    for (const auto& part : source.parts()) outputs_.add_input(part.path);
    for (const auto& part : source.parts()) {
      if (part.archive) {
        jobs.push_back({part.path, "", {part.path}, part.first, part.count, true});
        continue;
      }
      for (size_t i = part.first; i < part.first + part.count; ++i) {
        const auto name = source.name(i);
        jobs.push_back({name, name == part.path ? "" : part.path, {name}, i, 1, false});
      }
    }
    if (together || (jobs.size() > 1 && !options_.destination.file.empty())) {
      Job all{source.parts()[0].path, "", {}, 0, source.size(), true};
      for (const auto& job : jobs) {
        all.files.insert(all.files.end(), job.files.begin(), job.files.end());
      }
      jobs = {std::move(all)};
    }
    for (auto& job : jobs) {
      if (!whole) job.files.clear();
    }
    ExitCode worst = ExitCode::kOk;
    for (const auto& job : jobs) {
      worst = worse(worst, run_for_file(job.name == "-" ? "stdin" : job.name,
                                        [&] { return encode_job(source, job); }));
    }
    return worst;
  }

  // The images of a job, from the first. What their files held besides goes to `metadata` if they
  // are one, and where it cannot be kept that is said; null: only samples are wanted.
  ImageFeed feed_for(const ImageSource& source, const Job& job, Metadata* metadata) const {
    const bool together = job.count > 1 || job.archive;
    const auto load = [&source, metadata, together](size_t first, size_t wanted) {
      ImageFile besides;
      auto batch = source.load_batch(first, wanted, &besides);
      if (metadata == nullptr) return batch;
      if (together) {
        for (const auto& item : besides.metadata) besides.dropped.push_back(item.type);
      } else {
        *metadata = std::move(besides.metadata);
      }
      for (const auto& what : besides.dropped) {
        log_warning(source.name(first), "its " + what + " is not kept");
      }
      return batch;
    };
    // What the first image is, all have to be; it is read only once.
    const auto start = std::make_shared<ImageBatch>(load(job.first, 1));
    const auto shape = start->shape();
    const int bits = start->bits();
    auto at = std::make_shared<size_t>(0);
    return {shape, bits, job.count, [=, &source](size_t wanted) {
              const size_t index = job.first + *at;
              auto batch = *at == 0 ? std::move(*start) : load(index, wanted);
              *at += batch.size();
              if (batch.shape() != shape || batch.bits() != bits) {
                throw ShapeError(source.name(index) + ": is " + to_string(batch.shape()) + " of " +
                                 std::to_string(batch.bits()) +
                                 " bits, the archive's first image is " + to_string(shape) +
                                 " of " + std::to_string(bits) +
                                 " bits; encode them one by one, with -O");
              }
              return batch;
            }};
  }

  ExitCode encode_job(const ImageSource& source, const Job& job) {
    if (!options_.latents.empty())
      add_latents(encode_latents(model_, feed_for(source, job, nullptr)));
    const auto& destination = options_.destination;
    const bool code_wanted = options_.latents.empty() || destination.to_stdout ||
                             !destination.file.empty() || !destination.folder.empty();
    if (!code_wanted) return ExitCode::kOk;
    auto coding = coding_;
    coding.archive = job.archive;
    const auto feed = feed_for(source, job, options_.strip ? nullptr : &coding.metadata);
    const auto output = destination.path_for(job.name + ".pie", job.root);
    outputs_.claim(output, job.name);
    if (!destination.folder.empty()) {
      make_folder(std::filesystem::path(output).parent_path().string());
    }
    const auto file = open_output(output, destination.overwrite);
    Progress progress(common_, job.name);
    coding.progress = [&progress](double done) { progress.show(done); };
    uint64_t bytes = 0;
    const auto encoded = encode_images(model_, feed, coding, [&](ByteSpan piece) {
      file->write(piece.data, piece.size);
      bytes += piece.size;
    });
    if (source.size() == 1 || !job.archive) file->take_after(job.name);
    file->commit();
    report(job, feed, encoded, bytes, output);
    return ExitCode::kOk;
  }

  void add_latents(const torch::Tensor& z) {
    if (!latents_.empty() && latents_[0].size(1) != z.size(1)) {
      throw ShapeError("has a z of " + std::to_string(z.size(1)) + " numbers, the first image of " +
                       std::to_string(latents_[0].size(1)) +
                       "; --latents needs images of one size");
    }
    latents_.push_back(z);
  }

  // What the files of a job take, or their samples if that is not known.
  static uint64_t input_bytes(const Job& job, uint64_t raw_bytes) {
    uint64_t sum = 0;
    for (const auto& path : job.files) {
      std::error_code error;
      const auto bytes = std::filesystem::file_size(path, error);
      if (error) return raw_bytes;
      sum += bytes;
    }
    return job.files.empty() ? raw_bytes : sum;
  }

  static std::string ratio(uint64_t before, uint64_t after) {
    char text[80];
    std::snprintf(text, sizeof text, "%.2f %% (%llu => %llu B)",
                  100 * static_cast<double>(after) / static_cast<double>(before),
                  static_cast<unsigned long long>(before), static_cast<unsigned long long>(after));
    return text;
  }

  void report(const Job& job, const ImageFeed& images, const EncodingReport& encoded,
              uint64_t file_bytes, const std::string& output) {
    const auto& layers = encoded.layers;
    const uint64_t samples = images.count * static_cast<uint64_t>(images.shape.elements());
    const uint64_t raw_bytes = samples * static_cast<uint64_t>(images.bits / 8);
    const double bits_per_dim = 8 * static_cast<double>(file_bytes) / static_cast<double>(samples);
    Json layer_reports = Json::array();
    for (const auto& layer : layers) {
      layer_reports.push_back({{"name", layer.name},
                               {"payload_bytes", layer.payload_bytes},
                               {"ideal_bytes", layer.ideal_bits / 8},
                               {"model_blocks", layer.model_blocks},
                               {"plain_blocks", layer.plain_blocks}});
    }
    reports_.push_back({{"input", job.name},
                        {"output", output},
                        {"images", images.count},
                        {"raw_bytes", raw_bytes},
                        {"file_bytes", file_bytes},
                        {"bits_per_dim", bits_per_dim},
                        {"coder", encoded.floor ? "floor" : "model"},
                        {"layers", layer_reports}});
    if (output == "-") return;
    const uint64_t before = input_bytes(job, raw_bytes);
    bytes_before_ += before;
    bytes_after_ += file_bytes;
    char bits[40];
    std::snprintf(bits, sizeof bits, ", %.3f bits/dim, ", bits_per_dim);
    log_note(job.name, ratio(before, file_bytes) + bits +
                           (encoded.floor ? kFloorName : model_.name()) +
                           (file_bytes > before ? "; the input was smaller: keep that" : ""));
  }

  const CommonOptions& common_;
  const EncodeOptions& options_;
  LoadedModel model_;
  CodingOptions coding_;
  std::vector<torch::Tensor> latents_;
  OutputPaths outputs_;
  Json reports_ = Json::array();
  uint64_t bytes_before_ = 0, bytes_after_ = 0;  // of what was not written to stdout
};

}  // namespace

int run_encode(const CommonOptions& common, const EncodeOptions& options) {
  return EncodeRun(common, options).run();
}

}  // namespace pie
