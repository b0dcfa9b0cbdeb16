// What is said of a tool's options to people (--help) and to shells (completion): read off the
// parser, so that nothing is said twice.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace pie {

struct OptionText {
  std::vector<std::string> names;    // "-o", "--output"; of operands the name that they go by
  std::string value;                 // what it takes, such as FILE; empty for flags
  bool several;                      // takes more than one of them
  std::vector<std::string> choices;  // all that it may be, if these are few
  std::string description;
  std::string
      limits;  // what it may be and is by default, in words; empty if there is no more to say
  std::string group;  // the heading of --help that it stands under

  bool takes_file() const { return value == "FILE" || value == "MODEL" || value == "IMAGE"; }
  bool takes_folder() const { return value == "DIR"; }
};

std::string joined(const std::vector<std::string>& words, const std::string& between);

// In the order in which the tool has added them, its groups included.
std::vector<OptionText> option_texts(const CLI::App& app);
std::vector<OptionText> operand_texts(const CLI::App& app);

// The text of --help, at most 80 columns wide; `examples` come first.
std::string help_text(const CLI::App& app, const std::string& examples);

// A script that teaches a shell the tool's options. Throws UsageError unless `shell` is one of
// bash, zsh and fish.
std::string completion_script(const CLI::App& app, const std::string& shell);

}  // namespace pie
