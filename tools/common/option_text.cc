#include "tools/common/option_text.h"

#include <algorithm>

#include "lib/base/text.h"

namespace pie {
namespace {

constexpr size_t kColumns = 80;
constexpr size_t kIndent = 24;  // of descriptions

// "INT in [1 - 64]" as "1 to 64", "POSITIVE" as "above 0"; the names of choices are listed.
std::string in_words(const std::string& check) {
  const auto open = check.find('['), middle = check.find(" - ");
  if (open != std::string::npos && middle != std::string::npos) {
    return check.substr(open + 1, middle - open - 1) + " to " +
           check.substr(middle + 3, check.size() - middle - 4);
  }
  return check == "POSITIVE" ? "above 0" : "";
}

OptionText text_of(const CLI::Option& option) {
  OptionText text{};
  for (const auto& name : option.get_snames()) text.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) text.names.push_back("--" + name);
  if (option.get_positional()) text.names = {option.get_name(true, false)};
  text.description = option.get_description();
  text.group = option.get_group();
  if (option.get_items_expected_max() == 0) return text;
  text.several = option.get_items_expected_max() > 1;
  // The kind of value, and then what each check says of itself.
  const auto parts = parts_of(option.get_type_name(), ':');
  text.value = parts.empty() ? "" : parts.front();
  std::vector<std::string> limits;
  for (size_t i = 1; i < parts.size(); ++i) {
    if (parts[i].front() == '{') {
      text.choices = parts_of(parts[i].substr(1, parts[i].size() - 2), ',');
      limits.push_back(joined(text.choices, ", "));
    } else if (const auto words = in_words(parts[i]); !words.empty()) {
      limits.push_back(words);
    }
  }
  auto otherwise = option.get_default_str();
  if (!otherwise.empty() && otherwise.front() == '[') {
    otherwise = otherwise.substr(1, otherwise.size() - 2);  // of several values
  }
  if (!otherwise.empty()) limits.push_back("default " + otherwise);
  if (option.get_required() && !option.get_positional()) limits.emplace_back("needed");
  text.limits = joined(limits, "; ");
  return text;
}

std::vector<OptionText> texts(const CLI::App& app, bool operands) {
  std::vector<OptionText> result;
  for (const auto* option : app.get_options([&](const CLI::Option* o) {
         return o->get_positional() == operands && !o->get_group().empty();
       })) {
    result.push_back(text_of(*option));
  }
  return result;
}

// `text` from column `at` on, each further line from column `indent` on.
std::string wrapped(const std::string& text, size_t at, size_t indent) {
  std::string out;
  bool first = true;
  for (const auto& word : words_of(text)) {
    if (!first && at + 1 + word.size() > kColumns) {
      out += "\n" + std::string(indent, ' ');
      at = indent;
    } else if (!first) {
      out += " ";
      ++at;
    }
    out += word;
    at += word.size();
    first = false;
  }
  return out;
}

std::string help_of(const OptionText& text) {
  std::string head = "  " + joined(text.names, ", ");
  const bool named = text.names.front().front() == '-';
  if (named && !text.value.empty()) head += " " + text.value;
  if (!named && text.several) head += "...";
  if (head.size() + 2 > kIndent) {
    head += "\n" + std::string(kIndent, ' ');
  } else {
    head.resize(kIndent, ' ');
  }
  const auto limits = text.limits.empty() ? "" : " (" + text.limits + ")";
  return head + wrapped(text.description + limits, kIndent, kIndent) + "\n";
}

}  // namespace

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  return CLI::detail::join(words, between);
}

std::vector<OptionText> option_texts(const CLI::App& app) { return texts(app, false); }

std::vector<OptionText> operand_texts(const CLI::App& app) { return texts(app, true); }

std::string help_text(const CLI::App& app, const std::string& examples) {
  std::string usage = "Usage: " + app.get_name() + " [OPTION...]";
  const auto operands = operand_texts(app);
  for (const auto& operand : operands) usage += " [" + operand.names.front() + "...]";
  std::string out = "Examples:\n" + examples + "\n" + wrapped(app.get_description(), 0, 0) +
                    "\n\n" + usage + "\n\n";
  for (const auto& operand : operands) out += help_of(operand);
  const auto options = option_texts(app);
  std::vector<std::string> groups;
  for (const auto& option : options) {
    if (std::find(groups.begin(), groups.end(), option.group) == groups.end()) {
      groups.push_back(option.group);
    }
  }
  for (const auto& group : groups) {
    out += "\n" + group + ":\n";
    for (const auto& option : options) {
      if (option.group == group) out += help_of(option);
    }
  }
  if (!app.get_footer().empty()) out += "\n" + wrapped(app.get_footer(), 0, 0) + "\n";
  return out + "\nMore: man " + app.get_name() + "\n";
}

}  // namespace pie
