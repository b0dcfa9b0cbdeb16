#include "tools/common/options.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <iostream>
#include <regex>
#include <string_view>

#include "lib/base/error.h"
#include "lib/base/input.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/base/version.h"
#include "lib/image/image_io.h"
#include "tools/common/load_engine.h"
#include "tools/common/option_text.h"

namespace pie {
namespace {

// Longer lists of names are no such lists: some millions fit.
constexpr std::uint64_t kMostListBytes = std::uint64_t{1} << 28;

}  // namespace

bool CommonOptions::shows_progress() const {
  return quiet == 0 && !no_progress && (progress || isatty(STDERR_FILENO) != 0);
}

void add_common_options(CLI::App& app, CommonOptions& options, const std::string& examples) {
  options.examples = examples;
  app.option_defaults()->group("Messages");
  app.add_flag("-v,--verbose", options.verbose, "Say more on stderr");
  app.add_flag("-q,--quiet", options.quiet, "Say only errors on stderr; twice: nothing");
  auto* progress = app.add_flag("--progress", options.progress,
                                "Show how far long jobs are; default: if stderr is a terminal");
  app.add_flag("--no-progress", options.no_progress, "Do not show it")->excludes(progress);
  app.add_flag("--json", options.json, "Print reports as JSON");

  app.option_defaults()->group("General");
  app.add_option("-T,--threads", options.threads,
                 "Threads; 0 is as many as there are cores, which is also the most, but for 16 "
                 "where these are fewer")
      ->type_name("N")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Seed of all random numbers")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--device", options.device, "Where to compute: cpu, cuda, or cuda:N")
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--precision", options.precision,
                 "Numbers inside the subnetworks while training; auto is bf16 where the CPU "
                 "computes it natively. All else is float32")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"auto", "bf16", "f32"}))
      ->capture_default_str();
  app.add_option("--max-pixels", options.max_pixels,
                 "Refuse larger images, so that a file cannot ask for more than it is worth")
      ->type_name("N")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40))
      ->capture_default_str();
  app.add_option(
         "--max-memory", options.memory_text,
         "Take at most this much memory for the work: bytes, or with K, M or G behind; if not "
         "given, what there is")
      ->type_name("SIZE");
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.add_flag("-V,--version", "Print the version and exit; with -v also the loaded LibTorch");
  app.option_defaults()->group("");
  app.add_option("--completion", options.completion, "Print a completion script for this shell");
}

void add_destination_options(CLI::App& app, Destination& destination) {
  app.option_defaults()->group("Output");
  auto* file = app.add_option("-o,--output", destination.file, "Output file; - is stdout")
                   ->type_name("FILE");
  auto* folder =
      app.add_option("-O,--output-dir", destination.folder, "Output folder")->type_name("DIR");
  auto* to_stdout = app.add_flag("-c,--stdout", destination.to_stdout, "Write to stdout");
  file->excludes(folder)->excludes(to_stdout);
  folder->excludes(to_stdout);
  app.add_flag("-f,--force", destination.overwrite, "Overwrite existing files");
  app.add_flag("--rm", destination.remove, "Remove inputs whose output is complete and checked")
      ->excludes(to_stdout);
  app.add_option("-S,--suffix", destination.suffix, "What the names of code files end in")
      ->type_name("SUFFIX")
      ->capture_default_str()
      ->check([](const std::string& text) {
        // An image's suffix would let code files stand where images are.
        const bool good = !text.empty() && text.find('/') == std::string::npos &&
                          std::isgraph(text.back()) != 0 && text.back() != '.' &&
                          !is_writable_format(suffix_of("x." + text));
        return good ? std::string() : "needs a suffix such as .pie";
      })
      ->transform([](const std::string& text) { return text[0] == '.' ? text : "." + text; });
}

void add_input_lists(CLI::App& app, InputLists& lists) {
  app.add_option("--filelist", lists.lines,
                 "Read names of further inputs from this file, one a line; may be repeated")
      ->type_name("FILE")
      ->allow_extra_args(false);
  app.add_option("--files0", lists.zeros, "The same, with a zero byte behind each name")
      ->type_name("FILE")
      ->allow_extra_args(false);
}

std::vector<std::string> InputLists::added_to(std::vector<std::string> names) const {
  std::vector<std::pair<std::string, char>> lists;  // with what ends a name
  for (const auto& path : lines) lists.emplace_back(path, '\n');
  for (const auto& path : zeros) lists.emplace_back(path, '\0');
  const auto from_stdin = [](const auto& list) { return list.first == "-"; };
  if (std::count_if(lists.begin(), lists.end(), from_stdin) +
          std::count(names.begin(), names.end(), "-") >
      1) {
    throw UsageError("standard input cannot be read twice");
  }
  for (const auto& [path, end] : lists) {
    const auto bytes = read_file(path, kMostListBytes);
    for (const auto& name : parts_of(std::string(bytes.begin(), bytes.end()), end)) {
      if (name.find('\0') != std::string::npos) {
        throw UsageError(path + ": has a zero byte; --files0 takes such lists");
      }
      if (!name.empty()) names.push_back(name);
    }
  }
  return names;
}

SourceOptions CommonOptions::source_options() const {
  SourceOptions source;
  source.max_pixels = max_pixels;
  return source;
}

Limits CommonOptions::limits() const {
  Limits limits;
  limits.pixels_per_image = max_pixels;
  limits.pixels_per_frame = std::max(limits.pixels_per_frame, max_pixels);
  return limits;
}

CLI::Validator finite_number() {
  const auto check = [](const std::string& text) {
    double value = 0;
    const bool good = CLI::detail::lexical_cast(text, value) && std::isfinite(value);
    return good ? std::string() : "needs a finite number, not " + text;
  };
  return CLI::Validator(check, "");
}

namespace {

// `-o "$unset"` is a slip, and not the same as no -o.
void refuse_empty_values(const CLI::App& app) {
  for (const auto* option :
       app.get_options([](const CLI::Option* o) { return !o->get_positional(); })) {
    for (const auto& value : option->results()) {
      if (value.empty()) throw CLI::ValidationError(option->get_name(), "is empty");
    }
  }
}

// "300M" as bytes. Throws UsageError if it is no size.
uint64_t parse_size(const std::string& text) {
  constexpr const char* kUnits = "KMG";
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  const char* unit = digits + 1 == text.size() ? std::strchr(kUnits, text[digits]) : nullptr;
  constexpr std::size_t kMostDigits = 9;
  if (digits == 0 || (unit == nullptr && digits != text.size()) ||
      digits > (unit == nullptr ? 2 * kMostDigits : kMostDigits)) {
    throw UsageError("--max-memory needs a size such as 500M or 4G, not '" + text + "'");
  }
  const auto shift = unit == nullptr ? 0 : 10 * (unit - kUnits + 1);
  const uint64_t size = std::stoull(text.substr(0, digits)) << shift;
  if (size == 0) throw UsageError("--max-memory needs more than nothing");
  return size;
}

// The parser takes the next word for the value of "--output=", which may name an input.
void refuse_empty_assignments(int argc, char** argv) {
  for (int i = 1; i < argc && std::string_view(argv[i]) != "--"; ++i) {
    const std::string_view word = argv[i];
    if (word.size() > 3 && word.substr(0, 2) == "--" && word.find('=') == word.size() - 1) {
      throw CLI::ParseError(std::string(word) + " needs a value",
                            static_cast<int>(ExitCode::kUsage));
    }
  }
}

// The parser's messages as sentences.
std::string as_sentence(std::string message) {
  static const std::vector<std::pair<const char*, const char*>> kSentences{
      {": At Most 1 required but received [0-9]+", " is given more than once"},
      {": 1 required ([A-Z:]+).* missing", " needs a value"},
      {"The following arguments? (was|were) not expected: (.*)", "$2 is not expected here"},
      {": Value (.*) not in range (.*) to (.*)", ": $1 is not between $2 and $3"},
      {": (.*) not in \\{(.*)\\}", ": $1 is none of $2"}};
  for (const auto& [pattern, sentence] : kSentences) {
    message = std::regex_replace(message, std::regex(pattern), sentence);
  }
  return message;
}

// cpu, cuda or cuda:N.
bool names_device(const std::string& name) {
  if (name == "cpu" || name == "cuda") return true;
  const std::string number = name.substr(std::min<size_t>(name.size(), 5));
  return name.rfind("cuda:", 0) == 0 && !number.empty() && number.size() < 4 &&
         std::all_of(number.begin(), number.end(), [](unsigned char c) { return std::isdigit(c); });
}

}  // namespace

int parse_command_line(CLI::App& app, CommonOptions& options, int argc, char** argv) {
  try {
    refuse_empty_assignments(argc, argv);
    app.parse(argc, argv);
    refuse_empty_values(app);
  } catch (const CLI::CallForHelp&) {
    std::cout << help_text(app, options.examples);
    return 0;
  } catch (const CLI::ParseError& error) {
    // These two go with whatever else is missing.
    if (app.count("--version") + app.count("--completion") == 0) {
      log_error(as_sentence(error.what()) + "; try --help");
      return static_cast<int>(ExitCode::kUsage);
    }
  }
  if (!options.memory_text.empty()) {
    options.max_memory = parse_size(options.memory_text);
    limit_memory(options.max_memory);
  }
  if (options.quiet > 0) {
    set_verbosity(options.quiet > 1 ? Verbosity::kSilent : Verbosity::kQuiet);
  }
  if (options.verbose > 0) set_verbosity(Verbosity::kVerbose);
  if (app.count("--completion") > 0) {
    std::cout << completion_script(app, options.completion);
    return 0;
  }
  if (app.count("--version") > 0) {
    std::cout << app.get_name() << " " << version_string() << ", built with LibTorch "
              << PIE_TORCH_VERSION << "\n";
    if (options.verbose > 0) return load_engine(options).version(options);
    return 0;
  }
  if (!names_device(options.device)) {
    log_error("--device " + options.device + ": a device is cpu, cuda, or cuda:N");
    return static_cast<int>(ExitCode::kUsage);
  }
  return -1;
}

}  // namespace pie
