// pie-encode: images to code files. This half parses, and cuts code files, which needs no model;
// tools/engine/encode.cc does the work.
#include "tools/pie_encode.h"

#include "lib/base/log.h"
#include "lib/coding/normal_table.h"
#include "lib/container/code_file.h"
#include "lib/container/rewrite.h"
#include "lib/image/image_io.h"
#include "tools/common/load_engine.h"
#include "tools/common/options.h"
#include "tools/common/run_main.h"
#include "tools/common/shard_option.h"

namespace pie {
namespace {

constexpr const char* kExamples =
    "  pie-encode photo.png                    writes photo.png.pie, without loss\n"
    "  pie-encode -r photos/ -O codes/         each file of a folder\n"
    "  pie-encode < photo.ppm | ssh host pie-decode > photo.ppm\n"
    "  pie-encode -m pie-exact-mnist t10k-images-idx3-ubyte.gz -o test.pie\n"
    "  pie-encode --layers 3 photo.png.pie -o preview.pie   cuts, without a model\n";

// Whether an input is a code file. What cannot be read is not, and is reported as the image that it
// was to be.
bool holds_code(const SlicedInput& sliced) {
  if (sliced.slice || !sliced.input.exists() || sliced.input.is_folder()) return false;
  try {
    return is_code_file(sliced.input);
  } catch (const Error&) {
    return false;
  }
}

// Keeps the first layers of every frame of a code file.
ExitCode cut_file(const Input& input, const CommonOptions& common, EncodeOptions& options) {
  const std::string& path = input.path();
  if (options.layers == 0) {
    throw UsageError(input.name() + ": is a code file already; give --layers K to cut it");
  }
  const auto output = options.destination.path_for(path);
  options.outputs.claim(output, path);
  const CodeFile file(input, common.limits());
  file.require_layers(options.layers);
  const auto out = open_output(output, options.destination.overwrite);
  out->take_after(path);  // before others can read what they may not
  uint64_t bytes = 0;
  for (const auto& frame : file.frames()) {
    cut_layers(frame, options.layers, [&](ByteSpan piece) {
      out->write(piece.data, piece.size);
      bytes += piece.size;
    });
  }
  out->commit();
  if (output != "-") {
    log_note(path, std::to_string(file.bytes()) + " -> " + std::to_string(bytes) + " B, " +
                       std::to_string(options.layers) + " layer(s) kept");
  }
  return ExitCode::kOk;
}

// Parts of an archive, or any code files, as one.
ExitCode join_files(const std::vector<Input>& inputs, const CommonOptions& common,
                    EncodeOptions& options) {
  const std::string output = options.destination.to_stdout ? "-" : options.destination.file;
  options.outputs.claim(output, "the parts");
  std::vector<StoredFrame> frames;
  for (const auto& input : inputs) {
    const auto opened = run_for_file(input.name(), [&] {
      const CodeFile file(input, common.limits());
      file.require_layers();
      frames.insert(frames.end(), file.frames().begin(), file.frames().end());
      return ExitCode::kOk;
    });
    if (opened != ExitCode::kOk) return opened;
  }
  const auto out = open_output(output, options.destination.overwrite);
  for (const auto& input : inputs) out->restrict_to(input.path());
  try {
    join_frames(frames, [&](ByteSpan piece) { out->write(piece.data, piece.size); });
  } catch (const DamagedError&) {
    for (const auto& input : inputs) {  // whose it is
      const auto found = run_for_file(input.name(), [&] {
        CodeFile(input, common.limits()).check();
        return ExitCode::kOk;
      });
      if (found != ExitCode::kOk) return found;
    }
    throw;
  }
  out->commit();
  if (output != "-") {
    log_note(output, "joined of " + std::to_string(inputs.size()) +
                         (inputs.size() == 1 ? " code file" : " code files"));
  }
  return ExitCode::kOk;
}

void add_options(CLI::App& app, EncodeOptions& options, std::vector<std::string>& files,
                 InputLists& lists) {
  app.add_option("FILE", files, "Images, folders, IDX or CIFAR files; - is stdin");
  add_destination_options(app, options.destination);
  app.add_flag("-r,--recursive", options.recursive, "Descend into folders");
  add_input_lists(app, lists);
  add_shard_option(
      app, options.shard,
      "Only the I-th of N parts: of the code files to write, or of the images of the only "
      "one; parts of an archive are joined by pie-encode PART... -o ARCHIVE");
  app.add_option("--latents", options.latents,
                 "Write z of all images to this .npy file, float32 [N, d]; code files are then "
                 "written only with -o, -O or -c")
      ->type_name("FILE");

  app.option_defaults()->group("Coding");
  app.add_option("-m,--model", options.model,
                 "Model: a file or a shipped model's name; pie-photo if not given")
      ->type_name("MODEL");
  auto* lossless =
      app.add_flag("--lossless", options.lossless, "Code every bit (exact models only)");
  app.add_option("--layers", options.layers, "Keep the first K layers, coarse to fine; 1 is z only")
      ->type_name("K")
      ->check(CLI::Range(1, kMaxLayers))
      ->excludes(lossless);
  app.add_option("--coder", options.coder,
                 "Who codes: the model; floor, which is JPEG XL or WebP without a model; or auto, "
                 "which takes what is smaller for a single image that is kept whole")
      ->type_name("WHO")
      ->check(CLI::IsMember({"auto", "model", "floor"}))
      ->capture_default_str();
  app.add_option("--effort", options.effort,
                 "How hard to search where that can be chosen; at 9, auto always tries both coders")
      ->type_name("N")
      ->check(CLI::Range(kLeastJxlEffort, kMostJxlEffort))
      ->capture_default_str();
  app.add_option("--step", options.step,
                 "Quantization step in standard deviations of the latents if the model is not "
                 "exact; 0.1015625 if not given")
      ->type_name("S")
      ->check(finite_number())
      ->check(CLI::Range(1.0 / kUnitsPerSigma, 8.0));
  app.add_flag("--strip", options.strip,
               "Keep samples only: no colour profile, orientation, text or other metadata");
  app.footer("Reads " + readable_format_names() + ", IDX (also .gz) and CIFAR archives.");
}

int run(int argc, char** argv) {
  CommonOptions common;
  EncodeOptions options;
  CLI::App app(
      "Encodes images to code files, FILE to FILE.pie, without loss where the model is exact, as "
      "the default is. An IDX or CIFAR file becomes one archive, and so do several inputs with -o. "
      "With no FILE, stdin to stdout.",
      "pie-encode");
  std::vector<std::string> files;
  InputLists lists;
  add_options(app, options, files, lists);
  add_common_options(app, common, kExamples);
  const int code = parse_command_line(app, common, argc, argv);
  if (code >= 0) return code;
  if (options.destination.file == "-") {
    options.destination.file.clear();
    options.destination.to_stdout = true;
  }
  files = lists.added_to(files);
  if (files.empty() && lists.given()) return static_cast<int>(ExitCode::kOk);
  if (files.empty()) files = {"-"};
  if (files == std::vector<std::string>{"-"} && options.destination.file.empty() &&
      options.destination.folder.empty() && options.latents.empty()) {
    options.destination.to_stdout = true;
  }
  if (options.destination.remove &&
      (options.destination.to_stdout || options.layers > 0 || !options.shard.is_all())) {
    throw UsageError(
        "--rm needs output files that hold everything; not with --layers, --shard or stdout");
  }

  options.outputs.add_input(options.model);
  std::vector<Input> codes;
  for (const auto& text : files) {
    // What has been looked at here is what is coded later: a pipe can be read only once.
    const auto sliced = parse_sliced_input(text);
    options.outputs.add_input(sliced.input.path());
    if (holds_code(sliced)) {
      codes.push_back(sliced.input);
    } else {
      options.images.push_back(sliced);
    }
  }
  if (!codes.empty() && !options.shard.is_all()) throw UsageError("--shard takes images only");
  const bool as_one = !options.destination.file.empty() || options.destination.to_stdout;
  if (!codes.empty() && as_one && (options.layers == 0 || files.size() > 1)) {
    for (const auto& image : options.images) {
      if (!image.input.exists()) throw OperationError(image.input.name() + ": no such file");
    }
    if (!options.images.empty()) {
      throw UsageError(codes.front().name() + ": is a code file already, " +
                       options.images.front().input.name() +
                       " is not; -o and -c take images, or code files to join");
    }
    if (options.layers > 0 || options.destination.remove || options.strip ||
        !options.latents.empty()) {
      throw UsageError("-o and -c join whole code files, or cut one; use -O to cut several");
    }
    return static_cast<int>(join_files(codes, common, options));
  }
  if (!options.destination.folder.empty()) make_folder(options.destination.folder);
  ExitCode worst = ExitCode::kOk;
  for (const auto& input : codes) {
    worst =
        worse(worst, run_for_file(input.name(), [&] { return cut_file(input, common, options); }));
  }
  if (options.images.empty()) return static_cast<int>(worst);
  const auto rest = static_cast<ExitCode>(load_engine(common).encode(common, options));
  return static_cast<int>(worse(worst, rest));
}

}  // namespace
}  // namespace pie

int main(int argc, char** argv) {
  return pie::run_main("pie-encode", [&] { return pie::run(argc, argv); });
}
