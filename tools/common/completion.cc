// Scripts for shells: see completion_script.
#include <algorithm>
#include <array>

#include "lib/base/error.h"
#include "tools/common/option_text.h"

namespace pie {
namespace {

// `text` with a backslash before each of `special`.
std::string escaped(const std::string& text, const std::string& special) {
  std::string out;
  for (const char c : text) {
    if (special.find(c) != std::string::npos) out += '\\';
    out += c;
  }
  return out;
}

// Up to the first semicolon or full stop: shells show one line.
std::string short_description(const OptionText& option) {
  const auto& text = option.description;
  return text.substr(0, std::min(text.find("; "), text.find(". ")));
}

std::string bash_script(const std::string& tool, const std::vector<OptionText>& options) {
  const auto function = "_" + tool;
  std::string cases, names;
  for (const auto& option : options) {
    names += (names.empty() ? "" : " ") + joined(option.names, " ");
    if (option.value.empty()) continue;
    std::string reply = ":";
    if (!option.choices.empty()) {
      reply = "COMPREPLY=($(compgen -W '" + joined(option.choices, " ") + "' -- \"$word\"))";
    } else if (option.takes_file()) {
      reply = "compopt -o default";
    } else if (option.takes_folder()) {
      reply = "compopt -o dirnames";
    }
    cases += "    " + joined(option.names, " | ") + ") " + reply + " ;;\n";
  }
  return function +
         "() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]}\n"
         "  COMPREPLY=()\n"
         "  case ${COMP_WORDS[COMP_CWORD - 1]} in\n" +
         cases +
         "    *)\n"
         "      if [[ $word == -* ]]; then\n"
         "        COMPREPLY=($(compgen -W '" +
         names +
         "' -- \"$word\"))\n"
         "      else\n"
         "        compopt -o default\n"
         "      fi\n"
         "      ;;\n"
         "  esac\n"
         "}\n"
         "complete -F " +
         function + " " + tool + "\n";
}

std::string zsh_script(const std::string& tool, const std::vector<OptionText>& options) {
  std::string out = "#compdef " + tool + "\n_arguments -s \\\n";
  for (const auto& option : options) {
    std::string value;
    if (!option.value.empty()) {
      value = ":" + option.value + ":";
      if (!option.choices.empty()) value += "(" + joined(option.choices, " ") + ")";
      if (option.takes_file()) value += "_files";
      if (option.takes_folder()) value += "_files -/";
    }
    const auto names =
        option.names.size() == 1 ? option.names.front() : "'{" + joined(option.names, ",") + "}'";
    const auto once = option.several ? "*" : "(" + joined(option.names, " ") + ")";
    auto text = short_description(option);
    std::replace(text.begin(), text.end(), '\'', '`');
    out += "  '" + once + names + "[" + escaped(text, "[]:\\") + "]" + value + "' \\\n";
  }
  return out + "  '*:file:_files'\n";
}

std::string fish_script(const std::string& tool, const std::vector<OptionText>& options) {
  std::string out;
  for (const auto& option : options) {
    out += "complete -c " + tool;
    for (const auto& name : option.names) {
      out += name[1] == '-' ? " -l " + name.substr(2) : " -s " + name.substr(1);
    }
    if (!option.choices.empty()) {
      out += " -x -a '" + joined(option.choices, " ") + "'";
    } else if (option.takes_folder()) {
      out += " -x -a '(__fish_complete_directories)'";
    } else if (!option.value.empty()) {
      out += option.takes_file() ? " -r -F" : " -x";
    }
    out += " -d '" + escaped(short_description(option), "'\\") + "'\n";
  }
  return out;
}

}  // namespace

std::string completion_script(const CLI::App& app, const std::string& shell) {
  struct Shell {
    const char* name;
    std::string (*script)(const std::string& tool, const std::vector<OptionText>& options);
  };
  constexpr std::array<Shell, 3> kShells{
      {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}}};
  for (const auto& known : kShells) {
    if (shell == known.name) return known.script(app.get_name(), option_texts(app));
  }
  throw UsageError("there is completion for bash, zsh and fish, not for '" + shell + "'");
}

}  // namespace pie
