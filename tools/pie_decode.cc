// pie-decode: code files to images. This half parses and does what needs no model (--list, --test,
// --breakpoints); tools/engine/decode.cc does the work.
#include "tools/pie_decode.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>
#include <map>

#include "lib/base/checksum.h"
#include "lib/base/folder.h"
#include "lib/base/log.h"
#include "lib/coding/normal_table.h"
#include "lib/container/member_list.h"
#include "lib/image/image_io.h"
#include "lib/store/model_folders.h"
#include "tools/common/load_engine.h"
#include "tools/common/options.h"
#include "tools/common/report.h"
#include "tools/common/run_main.h"
#include "tools/common/shard_option.h"

namespace pie {
namespace {

constexpr const char* kExamples =
    "  pie-decode photo.png.pie              writes photo.png\n"
    "  pie-decode --layers 3 photo.png.pie -o preview.png\n"
    "  pie-decode --select 5,10-20 test.pie -O digits/ --format png\n"
    "  pie-decode -r codes/ -O images/       undoes pie-encode -r images/ -O codes/\n"
    "  pie-decode -l test.pie                lists layers and sizes, needs no model\n"
    "  pie-decode < photo.pie | pnmtopng > photo.png\n";

void warn(const std::string& path, const std::vector<std::string>& faults) {
  for (const auto& fault : faults) log_warning(path, fault);
}

// What is known of the files of a frame; what is wrong with it is said.
std::vector<Member> members_of(const std::string& path, const StoredFrame& frame) {
  std::vector<std::string> faults;
  auto members = stored_members(frame, &faults);
  warn(path, faults);
  return members;
}

std::string fingerprint_of(const FrameHeader& header) {
  return to_hex(header.fingerprint.data(), header.fingerprint.size());
}

// The name of the model that made a frame; "" if that is not there. Few models make many frames.
std::string model_of(const FrameHeader& header) {
  static std::map<std::string, std::string> known;
  if (header.fingerprint == kFloorFingerprint) return kFloorName;
  const auto print = fingerprint_of(header);
  const auto found = known.find(print);
  return found != known.end() ? found->second : known[print] = model_name(print);
}

// For people: "model NAME (FINGERPRINT)", or the fingerprint alone of one that is not there.
std::string model_text(const FrameHeader& header) {
  auto name = model_of(header);
  const auto print = fingerprint_of(header);
  if (header.fingerprint == kFloorFingerprint) return name;
  return "model " + (name.empty() ? print : printable(name) + " (" + print + ")");
}

Json describe(const std::string& path, const StoredFrame& frame) {
  const auto& h = frame.header();
  Json layers = Json::array();
  for (int k = 0; k < frame.layers(); ++k) {
    layers.push_back({{"name", frame.layer_name(k)},
                      {"bytes", frame.layer_bytes(k)},
                      {"whole", k < frame.whole_layers()}});
  }
  Json files = Json::array();
  for (const auto& member : members_of(path, frame)) {
    Json kinds = Json::array();
    for (const auto& item : member.metadata) kinds.push_back(item.type);
    files.push_back({{"name", member.name}, {"metadata", kinds}});
  }
  return {{"offset", frame.offset()},
          {"bytes", frame.size()},
          {"images", h.images},
          {"width", h.width},
          {"height", h.height},
          {"channels", h.channels},
          {"bits", h.sample_bits},
          {"tiles_per_image", h.tiles_per_image()},
          {"model", model_of(h)},
          {"fingerprint", fingerprint_of(h)},
          {"step", h.step / static_cast<double>(kUnitsPerSigma)},
          {"lossless", h.lossless()},
          {"model_layers", h.total_layers},
          {"files", files},
          {"layers", layers},
          {"overhead_bytes", frame.overhead_bytes()}};
}

Json describe(const std::string& path, const CodeFile& file) {
  const auto summary = file.summary();
  Json frames = Json::array();
  for (const auto& frame : file.frames()) frames.push_back(describe(path, frame));
  return {{"file", path},
          {"file_bytes", file.bytes()},
          {"images", summary.images},
          {"payload_bytes", summary.payload_bytes},
          {"overhead_bytes", summary.overhead_bytes},
          {"truncated", file.truncated()},
          {"frames", frames}};
}

// What a frame costs, of which `present` bytes are there, beside its samples.
std::string sizes(const StoredFrame& frame, std::uint64_t present) {
  const auto& h = frame.header();
  double samples = static_cast<double>(h.images) * h.channels * h.sample_bits / 8;
  samples *= static_cast<double>(h.width) * static_cast<double>(h.height);
  const double part = static_cast<double>(frame.size()) / samples;
  std::array<char, 96> share{};
  std::snprintf(share.data(), share.size(), " B (%.2f %% of its samples, %.3f bits each)",
                100 * part, part * h.sample_bits);
  return (present < frame.size() ? std::to_string(present) + " of " : "") +
         std::to_string(frame.size()) + share.data();
}

void print_list(const std::string& path, const StoredFrame& frame, std::uint64_t file_bytes) {
  const auto& h = frame.header();
  std::cout << printable(path) << ": " << h.images << (h.images == 1 ? " image " : " images ")
            << h.width << "x" << h.height << "x" << h.channels << ", " << h.sample_bits << " bits, "
            << (h.lossless() ? "lossless" : "lossy");
  if (h.step > 0) std::cout << ", step " << h.step / static_cast<double>(kUnitsPerSigma);
  std::cout << ", " << sizes(frame, std::min(frame.size(), file_bytes - frame.offset())) << ", "
            << model_text(h) << "\n";
  for (int k = 0; k < frame.layers(); ++k) {
    std::cout << "  " << frame.layer_name(k) << "\t" << frame.layer_bytes(k) << " B"
              << (k < frame.whole_layers() ? "" : "  (cut)") << "\n";
  }
  std::map<std::string, uint64_t> nameless;  // images by their kinds of metadata
  for (const auto& member : members_of(path, frame)) {
    std::string kinds;
    for (const auto& item : member.metadata) kinds += " " + item.type;
    if (member.name.empty()) {
      ++nameless[kinds];
    } else {
      std::cout << "  file\t" << printable(member.name) << kinds << "\n";
    }
  }
  for (const auto& [kinds, images] : nameless) {
    if (kinds.empty()) continue;
    std::cout << "  metadata\t" << kinds.substr(1);
    if (h.images > 1) std::cout << " of " << images << (images == 1 ? " image" : " images");
    std::cout << "\n";
  }
}

// The code files that `paths` name, and with `recursive` those in folders among them. What is wrong
// with one path is said, and the others are kept.
std::vector<CodeInput> code_inputs(const std::vector<std::string>& paths, bool recursive,
                                   const std::string& suffix, ExitCode& worst) {
  std::vector<CodeInput> files;
  const auto is_code = [&](const std::string& path) { return has_suffix(path, suffix); };
  const auto skip = [](const std::string& path, const std::string& cause) {
    log_warning(path, cause + "; passed over");
  };
  for (const auto& path : paths) {
    if (!Input(path).is_folder()) {
      files.push_back({path, ""});
      continue;
    }
    worst = worse(worst, run_for_file(path, [&] {
                    if (!recursive) {
                      throw UsageError("is a folder; with -r its code files are decoded");
                    }
                    const auto found = list_files(path, true, is_code, skip);
                    if (found.empty()) throw OperationError("no code files in this folder");
                    for (const auto& file : found) files.push_back({file, path});
                    return ExitCode::kOk;
                  }));
  }
  return files;
}

// --list, --test and --breakpoints of one file.
ExitCode inspect(const std::string& path, const DecodeOptions& options, const CommonOptions& common,
                 Json& reports) {
  const bool json = common.json;
  const CodeFile file(Input(path), common.limits());
  if (!options.test && !file.truncated()) {
    std::vector<std::string> faults;
    for (const auto& frame : file.frames()) frame.chunks(&faults);
    warn(path, faults);
  }
  if (options.list) {
    if (json) {
      reports.push_back(describe(path, file));
    } else {
      for (const auto& frame : file.frames()) print_list(path, frame, file.bytes());
    }
    if (file.truncated()) log_warning(path, "is cut");
    return ExitCode::kOk;
  }
  if (options.breakpoints) {
    for (const auto& frame : file.frames()) {
      for (const auto& point : breakpoints(frame)) {
        if (json) {
          reports.push_back({{"file", path}, {"layer", point.layer}, {"offset", point.offset}});
        } else {
          std::cout << point.layer << "\t" << point.offset << "\n";
        }
      }
    }
    return ExitCode::kOk;
  }
  try {
    file.check();
  } catch (const TruncatedError& error) {
    throw TruncatedError(error.what() + how_to_rescue(file));
  }
  if (json) reports.push_back({{"file", path}, {"ok", true}});
  log_detail(path, "structure and checksums are sound");
  return ExitCode::kOk;
}

void add_options(CLI::App& app, DecodeOptions& options, std::vector<std::string>& paths,
                 bool& recursive, InputLists& lists) {
  auto* operands = app.add_option("FILE", paths, "Code files, with -r folders; - is stdin");
  add_destination_options(app, options.destination);
  app.add_flag("-r,--recursive", recursive, "Descend into folders; with -O, keep them");
  add_shard_option(app, options.shard,
                   "Only the I-th of N parts: of the code files, or of the images of the only one");
  add_input_lists(app, lists);
  auto formats = writable_formats();
  formats.insert(formats.end(), {kIdx, kCifar});
  app.add_option("--format", options.format,
                 "If not given, what the suffix of -o says, else pnm on stdout")
      ->type_name("NAME")
      ->check(CLI::IsMember(formats));

  app.option_defaults()->group("What to decode");
  app.add_option("--layers", options.layers, "Only the first K layers; 1 is z only")
      ->type_name("K")
      ->check(CLI::Range(1, kMaxLayers));
  app.add_flag("--allow-partial", options.allow_partial,
               "Decode the whole layers of a cut file (exit code 6)");
  app.add_option("--select", options.select,
                 "Only these images, counted from 0, such as 5,10-20, or by name: *.png")
      ->type_name("LIST");
  app.add_option("-m,--model", options.model,
                 "Model: a file or name; if not given, it is found by its fingerprint")
      ->type_name("MODEL");
  auto* latents =
      app.add_option("--latents", options.latents,
                     "Decode this .npy matrix [N, d] of latents instead of FILE (needs -m)")
          ->type_name("FILE");
  latents->excludes(operands);

  app.option_defaults()->group("Instead of decoding");
  auto* breakpoints = app.add_flag("--breakpoints", options.breakpoints,
                                   "Print the byte offset after each whole layer");
  auto* test = app.add_flag("-t,--test", options.test, "Check structure and checksums only");
  auto* test_all = app.add_flag("--tt,--test-all", options.test_all,
                                "Also decode and check the hashes of the symbols; -tt for short");
  auto* list = app.add_flag("-l,--list", options.list, "List images, layers and sizes");
  for (auto* one : {breakpoints, test, test_all, list}) {
    for (auto* other : {breakpoints, test, test_all, list}) {
      if (one != other) one->excludes(other);
    }
    latents->excludes(one);
  }
}

int run(int argc, char** argv) {
  CommonOptions common;
  DecodeOptions options;
  CLI::App app(
      "Decodes latent-code files to images: as many layers as are there, or wanted. The "
      "model is found by its fingerprint. With no FILE, stdin to stdout.",
      "pie-decode");
  std::vector<std::string> paths;
  bool recursive = false;
  InputLists lists;
  add_options(app, options, paths, recursive, lists);
  add_common_options(app, common, kExamples);
  // "-tt" is xz's and zstd's way of saying "test harder"; to the parser it is -t twice.
  std::vector<char*> arguments(argv, argv + argc);
  std::string test_all_text = "--test-all";
  for (auto& argument : arguments) {
    if (std::string(argument) == "-tt") argument = test_all_text.data();
  }
  const int code = parse_command_line(app, common, argc, arguments.data());
  if (code >= 0) return code;
  if (options.destination.file == "-") {
    options.destination.file.clear();
    options.destination.to_stdout = true;
  }
  paths = lists.added_to(paths);
  if (paths.empty() && options.latents.empty() && !lists.given()) paths = {"-"};
  if (paths == std::vector<std::string>{"-"} && options.destination.file.empty() &&
      options.destination.folder.empty()) {
    options.destination.to_stdout = true;
  }
  if (options.destination.remove &&
      (options.destination.to_stdout || options.list || options.test || options.test_all ||
       options.breakpoints || options.layers > 0 || options.allow_partial ||
       !options.select.empty() || !options.latents.empty())) {
    throw UsageError("--rm goes with decoding all of code files to files");
  }
  if (!options.shard.is_all() && (options.destination.remove || !options.latents.empty())) {
    throw UsageError(
        "--shard goes neither with --rm, for files would be counted anew, nor with "
        "--latents");
  }
  ExitCode worst = ExitCode::kOk;
  options.files = code_inputs(paths, recursive, options.destination.suffix, worst);
  if (options.files.empty() && options.latents.empty()) return static_cast<int>(worst);
  const bool looks_only = options.list || options.test || options.test_all || options.breakpoints;
  if (!options.shard.is_all() && (options.files.size() > 1 || looks_only)) {
    std::vector<CodeInput> own;
    for (std::size_t i = 0; i < options.files.size(); ++i) {
      if (options.shard.takes(i)) own.push_back(options.files[i]);
    }
    options.files = own;
    options.shard = {};
  }
  if (options.files.size() > 1 && !options.destination.file.empty()) {
    throw UsageError("-o takes one code file; use -O or -c for several");
  }
  if (!options.list && !options.test && !options.breakpoints) {
    const auto rest = static_cast<ExitCode>(load_engine(common).decode(common, options));
    return static_cast<int>(worse(worst, rest));
  }
  Json reports = Json::array();
  for (const auto& file_in : options.files) {
    const auto outcome = run_for_file(
        file_in.name(), [&] { return inspect(file_in.path, options, common, reports); });
    worst = worse(worst, outcome);
    if (outcome != ExitCode::kOk) reports.push_back({{"file", file_in.path}, {"ok", false}});
  }
  if (common.json) print_json(reports);
  return static_cast<int>(worst);
}

}  // namespace
}  // namespace pie

int main(int argc, char** argv) {
  return pie::run_main("pie-decode", [&] { return pie::run(argc, argv); });
}
