// The second half of pie-encode: reads images, codes them, writes code files.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <numeric>

#include "lib/base/log.h"
#include "lib/codec/codec.h"
#include "lib/codec/npy.h"
#include "lib/coding/normal_table.h"
#include "lib/container/code_file.h"
#include "lib/image/image_source.h"
#include "lib/model/model_store.h"
#include "tools/common/report.h"
#include "tools/common/run_main.h"
#include "tools/common/shard_option.h"
#include "tools/engine/commands.h"
#include "tools/engine/device.h"
#include "tools/engine/encode_jobs.h"
#include "tools/engine/progress.h"
#include "tools/pie_encode.h"

namespace pie {
namespace {

// For any image, and lossless.
constexpr const char* kDefaultModel = "pie-photo";

class EncodeRun {
 public:
  EncodeRun(const CommonOptions& common, const EncodeOptions& options)
      : common_(common),
        options_(options),
        model_(options.coder == "floor"
                   ? floor_model()
                   : on_device(common,
                               find_model(options.model.empty() ? kDefaultModel : options.model))),
        outputs_(options.outputs) {
    if (options.images.size() == 1 && options.images[0].input.is_folder()) {
      root_ = options.images[0].input.path();
    }
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
    if (options.destination.remove && (!exact || options.strip || !options.latents.empty())) {
      throw UsageError(
          "--rm needs an exact model, and all metadata: not with --strip or --latents");
    }
  }

  int run() {
    ExitCode worst = ExitCode::kOk;
    // Several inputs with one output file become one archive; otherwise each input is on its own.
    if (!options_.destination.file.empty() &&
        (options_.images.size() > 1 || options_.images[0].input.is_folder())) {
      worst = run_for_file("", [&] { return encode_inputs(options_.images, true); });
    } else {
      for (const auto& input : options_.images) {
        worst = worse(
            worst, run_for_file(input.input.name(), [&] { return encode_inputs({input}, false); }));
      }
    }
    if (!options_.latents.empty() && (options_.shard.is_all() || !latents_.empty())) {
      worst = worse(worst, run_for_file(options_.latents, [&] {
                      if (worst != ExitCode::kOk) {
                        throw OperationError(
                            "not written, because its rows would not be those of "
                            "the images given; leave out what failed");
                      }
                      outputs_.claim(options_.latents, "--latents");
                      write_output(options_.latents, write_npy(torch::cat(latents_)),
                                   options_.destination.overwrite, latents_of_);
                      return ExitCode::kOk;
                    }));
    }
    if (reports_.size() > 1 && bytes_after_ > 0) {
      log_note(std::to_string(reports_.size()) + " files: " + ratio(bytes_before_, bytes_after_));
    }
    if (common_.json && !options_.destination.to_stdout) print_json(reports_);
    return static_cast<int>(worst);
  }

 private:
  // Codes all images of `inputs`, into one file if `together`, else each file by itself (an IDX or
  // CIFAR file is one).
  ExitCode encode_inputs(const std::vector<SlicedInput>& inputs, bool together) {
    SourceOptions source_options = common_.source_options();
    source_options.recursive = options_.recursive;
    source_options.hold_archives = false;
    const ImageSource source(inputs, source_options);
    for (const auto& part : source.parts()) outputs_.add_input(part.path);
    auto jobs = plan_jobs(source, inputs, together);
    if (!options_.shard.is_all()) {
      jobs = own_jobs(jobs, together);
      if (jobs.empty() && (together || options_.images.size() == 1)) {
        return nothing_in(options_.shard);
      }
    }
    ExitCode worst = ExitCode::kOk;
    for (const auto& job : jobs) {
      worst = worse(worst, run_for_file(job.name == "-" ? "stdin" : job.name,
                                        [&] { return encode_job(source, job); }));
    }
    return worst;
  }

  // Those of the shard: every N-th file, or blocks of the only one.
  std::vector<Job> own_jobs(const std::vector<Job>& jobs, bool together) {
    const auto& shard = options_.shard;
    const bool only = options_.images.size() == 1 && jobs.size() == 1 && jobs[0].groups[0].archive;
    if (only && options_.latents.empty()) require_own_output(options_.destination);
    if (together || only) return shard_of(jobs[0], shard);
    std::vector<Job> own;
    for (const auto& job : jobs) {
      if (shard.takes(jobs_seen_++)) own.push_back(job);
    }
    return own;
  }

  // What is known of the file that image `i` is.
  Member member_of(const ImageSource& source, size_t i) {
    const auto& parts = source.parts();
    const auto part = std::find_if(parts.begin(), parts.end(), [i](const ImageSource::Part& p) {
      return i < p.first + p.count;
    });
    if (part->path == "-") return {};
    const auto path = source.name(i);
    Member member{member_name(path, root_), file_status(path), {}};
    if (!is_member_name(member.name)) {
      log_warning(path, "its name is not kept, for an archive cannot have such a one");
      ++losses_;
      member.name.clear();
    }
    return member;
  }

  // The images of a group, from the first. What is known of their files goes to `coding` as they
  // come; what cannot be kept is said.
  ImageFeed feed_for(const ImageSource& source, const Job& job, const Group& group,
                     CodingOptions* coding) {
    const auto kept = std::make_shared<size_t>(0);  // bytes of metadata
    const auto load = [this, &source, &job, &group, coding, kept](size_t first, size_t wanted) {
      ImageFile besides;
      auto batch = source.load_batch(first, wanted, &besides);
      if (coding == nullptr) return batch;
      const auto name = source.name(first);
      if (options_.strip) besides = {};
      auto& members = coding->members;
      for (const auto& what : besides.dropped) log_warning(name, "drops its " + what);
      losses_ += besides.dropped.size();
      const auto keep = [&](Metadata metadata) {
        *kept += std::accumulate(
            metadata.begin(), metadata.end(), size_t{0},
            [](size_t sum, const MetadataItem& item) { return sum + metadata_bytes(item); });
        if (*kept <= kMostMetadata) {
          members.back().metadata = std::move(metadata);
        } else if (!metadata.empty()) {
          ++losses_;
          log_warning(name, "its metadata is not kept: that of " + std::to_string(group.count) +
                                " images together is more than " +
                                std::to_string(kMostMetadata >> 20) + " MiB");
        }
      };
      if (group.files) {
        members.push_back(job.of_files ? member_of(source, first) : Member());
        keep(std::move(besides.metadata));
        return batch;
      }
      const auto labels = options_.strip ? Bytes() : source.own_labels(first, batch.size());
      if (!labels.empty()) members.resize(first - group.first);  // those before may have none
      for (const auto label : labels) {
        members.emplace_back();
        keep({label_item(label)});
      }
      if (!members.empty()) members.resize(first - group.first + batch.size());
      return batch;
    };
    // What the first image is, all have to be; it is read only once.
    const auto start = std::make_shared<ImageBatch>(load(group.first, 1));
    const auto shape = start->shape();
    const int bits = start->bits();
    auto at = std::make_shared<size_t>(0);
    return {shape, bits, group.count, [=, &source](size_t wanted) {
              const size_t index = group.first + *at;
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
    if (!options_.latents.empty()) {
      for (const auto& group : job.groups) {
        add_latents(encode_latents(model_, feed_for(source, job, group, nullptr)));
      }
      latents_of_.insert(latents_of_.end(), job.files.begin(), job.files.end());
    }
    const auto& destination = options_.destination;
    const bool code_wanted = options_.latents.empty() || destination.to_stdout ||
                             !destination.file.empty() || !destination.folder.empty();
    if (!code_wanted) return ExitCode::kOk;
    const auto output = destination.path_for(job.name + destination.suffix, job.root);
    outputs_.claim(output, job.name);
    if (!destination.folder.empty()) {
      make_folder(std::filesystem::path(output).parent_path().string());
    }
    const auto file = open_output(output, destination.overwrite);
    // Before others can read what they may not.
    if (!job.of_files) file->take_after(job.name);
    for (const auto& path : job.files) file->restrict_to(path);
    losses_ = 0;
    const std::vector<RemovableInput> inputs(job.files.begin(), job.files.end());
    Progress progress(common_, job.name);
    const auto start = std::chrono::steady_clock::now();
    Sums sums;
    const auto all = static_cast<double>(job.images());
    for (const auto& group : job.groups) {
      auto coding = coding_;
      coding.archive = group.archive;
      coding.progress = [&](double done) {
        progress.show((static_cast<double>(sums.images) + done * static_cast<double>(group.count)) /
                      all);
      };
      const auto feed = feed_for(source, job, group, &coding);
      const auto encoded = encode_images(model_, feed, coding, [&](ByteSpan piece) {
        file->write(piece.data, piece.size);
        sums.bytes += piece.size;
      });
      sums.add(feed, encoded);
    }
    file->commit();
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    report(job, sums, output, time.count());
    if (destination.remove && holds_all(job, sums, output)) {
      for (const auto& input : inputs) input.remove();
    }
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
  uint64_t input_bytes(const Job& job, uint64_t raw_bytes) const {
    if (!job.whole) return raw_bytes;
    uint64_t sum = 0;
    for (const auto& path : job.files) {
      // A pipe was read to its end: what was read is held where it was named.
      const auto named = std::find_if(options_.images.begin(), options_.images.end(),
                                      [&](const auto& i) { return i.input.path() == path; });
      sum += named != options_.images.end() ? named->input.size() : Input(path).size();
    }
    return sum;
  }

  static std::string ratio(uint64_t before, uint64_t after) {
    char text[80];
    std::snprintf(text, sizeof text, "%.2f %% (%llu => %llu B)",
                  100 * static_cast<double>(after) / static_cast<double>(before),
                  static_cast<unsigned long long>(before), static_cast<unsigned long long>(after));
    return text;
  }

  // Of the frames of a file.
  struct Sums {
    uint64_t images = 0, frames = 0, of_floor = 0, samples = 0, raw_bytes = 0, bytes = 0;
    std::vector<LayerReport> layers;  // summed up by name, as they come first

    void add(const ImageFeed& feed, const EncodingReport& encoded) {
      const uint64_t own = feed.count * static_cast<uint64_t>(feed.shape.elements());
      images += feed.count;
      ++frames;
      of_floor += encoded.floor ? 1 : 0;
      samples += own;
      raw_bytes += own * static_cast<uint64_t>(feed.bits / 8);
      for (const auto& layer : encoded.layers) {
        const auto same = std::find_if(layers.begin(), layers.end(), [&](const LayerReport& known) {
          return known.name == layer.name;
        });
        if (same == layers.end()) {
          layers.push_back(layer);
          continue;
        }
        same->payload_bytes += layer.payload_bytes;
        same->ideal_bits += layer.ideal_bits;
        same->model_blocks += layer.model_blocks;
        same->plain_blocks += layer.plain_blocks;
      }
    }
    // Who coded, as --coder says it.
    const char* coder() const {
      return of_floor == 0 ? "model" : of_floor == frames ? "floor" : "auto";
    }
  };

  void report(const Job& job, const Sums& sums, const std::string& output, double seconds) {
    const double bits_per_dim =
        8 * static_cast<double>(sums.bytes) / static_cast<double>(sums.samples);
    Json layer_reports = Json::array();
    for (const auto& layer : sums.layers) {
      layer_reports.push_back({{"name", layer.name},
                               {"payload_bytes", layer.payload_bytes},
                               {"ideal_bytes", layer.ideal_bits / 8},
                               {"model_blocks", layer.model_blocks},
                               {"plain_blocks", layer.plain_blocks}});
    }
    reports_.push_back({{"input", job.name},
                        {"output", output},
                        {"images", sums.images},
                        {"raw_bytes", sums.raw_bytes},
                        {"file_bytes", sums.bytes},
                        {"bits_per_dim", bits_per_dim},
                        {"coder", sums.coder()},
                        {"layers", layer_reports}});
    if (output == "-") return;
    const uint64_t before = input_bytes(job, sums.raw_bytes);
    bytes_before_ += before;
    bytes_after_ += sums.bytes;
    const bool exact = sums.of_floor == sums.frames || coder_for(model_)->exact();
    char bits[60];
    std::snprintf(bits, sizeof bits, ", %s, %.3f bits/dim, ",
                  exact && coding_.layers == 0 ? "lossless" : "lossy", bits_per_dim);
    std::string by = sums.of_floor == sums.frames ? kFloorName : model_.name();
    if (sums.of_floor > 0 && sums.of_floor < sums.frames) by += std::string(", or ") + kFloorName;
    log_note(job.of_files ? output : job.name,
             (job.of_files ? std::to_string(sums.images) + " images, " : "") +
                 ratio(before, sums.bytes) + bits + by +
                 (sums.bytes > before ? "; the input was smaller: keep that" : ""));
    std::string layers;
    for (const auto& layer : sums.layers) {
      layers += layer.name + " " + std::to_string(layer.payload_bytes) + " B, ";
    }
    char speed[40];
    std::snprintf(speed, sizeof speed, "%.2f s, %.2f MB/s", seconds,
                  static_cast<double>(sums.raw_bytes) / 1e6 / seconds);
    log_detail(job.of_files ? output : job.name, layers + speed);
  }

  // Whether the code file, read again, gives back all that the inputs of a job hold, and is no
  // larger.
  bool holds_all(const Job& job, const Sums& sums, const std::string& output) const {
    if (!job.whole || losses_ > 0 || !Input(output).is_regular_file() ||
        sums.bytes > input_bytes(job, sums.raw_bytes)) {
      log_note(job.name, "is not removed: its code file is larger, or does not keep all of it");
      return false;
    }
    const LoadedModel floor = floor_model();
    const CodeFile code(Input(output), common_.limits());
    code.check();
    for (const auto& frame : code.frames()) {
      std::vector<uint64_t> all(frame.header().images);
      std::iota(all.begin(), all.end(), uint64_t{0});
      const bool of_floor = frame.header().fingerprint == kFloorFingerprint;
      decode_images(of_floor ? floor : model_, frame, 0, all, [](uint64_t, const Image&) {});
    }
    return true;
  }

  const CommonOptions& common_;
  const EncodeOptions& options_;
  LoadedModel model_;
  CodingOptions coding_;
  std::vector<torch::Tensor> latents_;
  std::size_t jobs_seen_ = 0;            // of all shards
  std::vector<std::string> latents_of_;  // these files
  OutputPaths outputs_;
  std::string root_;  // the folder whose files are named as they lie in it
  Json reports_ = Json::array();
  std::size_t losses_ = 0;                       // of the job under way: what is not kept
  uint64_t bytes_before_ = 0, bytes_after_ = 0;  // of what was not written to stdout
};

}  // namespace

int run_encode(const CommonOptions& common, const EncodeOptions& options) {
  return EncodeRun(common, options).run();
}

}  // namespace pie
