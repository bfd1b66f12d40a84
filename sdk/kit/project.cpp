#include "sdk/kit/project.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/os/file.hpp"

namespace patchbay::kit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestName = 64;
constexpr std::size_t kLargestTemplate = kMiB;

/// A word of the templates, and what it becomes.
using Replacements = std::vector<std::pair<std::string, std::string>>;

bool is_script(const ProjectWish& wish) {
  return wish.language == Language::sh || wish.language == Language::python;
}

std::string name_of(Language language) {
  constexpr std::array kNames{"c", "c++", "sh", "python"};
  return kNames.at(static_cast<std::size_t>(language));
}

std::string name_of(Product product) {
  return product == Product::plugin ? "plugin" : "executable";
}

/// Names that mean something else to CMake, to make or among the files of a project.
Status check_meaning(const std::string& type) {
  constexpr std::array<std::string_view, 9> kTaken{"all",     "build", "clean", "help",  "install",
                                                   "package", "test",  "tests", "update"};
  if (std::find(kTaken.begin(), kTaken.end(), type) == kTaken.end()) return Done{};
  return Error{ErrorCode::invalid_input,
               type + " means something else in a project; choose another name"};
}

/// The type is a file name, part of names in code and in CMake, and a word in a shell.
Status check_type(const std::string& type) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-";
  const bool good = !type.empty() && type.size() <= kLongestName && type.front() >= 'a' &&
                    type.front() <= 'z' && type.back() != '-' &&
                    type.find_first_not_of(kAllowed) == std::string::npos;
  if (good) return check_meaning(type);
  return Error{ErrorCode::invalid_input,
               "\"" + printable(type) +
                   "\" cannot be the name of a new module: use up to 64 of a-z, 0-9 and -, a "
                   "letter first and no - at the end"};
}

Status check(const ProjectWish& wish) {
  PB_CHECK(check_type(wish.type));
  if (wish.product == Product::plugin && is_script(wish)) {
    return Error{ErrorCode::invalid_input,
                 "a plugin is a shared object, which --lang " + name_of(wish.language) +
                     " cannot make; use --executable, or --lang c or c++"};
  }
  struct stat status {};
  if (::lstat(wish.type.c_str(), &status) == 0) {
    return Error{ErrorCode::invalid_input,
                 wish.type + " is there already; choose another name, or another directory"};
  }
  return Done{};
}

/// "my-config" as "MyConfig".
std::string camel_case(const std::string& type) {
  std::string name;
  bool upper = true;
  for (const char c : type) {
    if (c != '-')
      name += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = c == '-';
  }
  return name;
}

std::string snake_case(std::string type) {
  for (char& c : type)
    c = c == '-' ? '_' : c;
  return type;
}

Replacements replacements_of(const ProjectWish& wish) {
  const bool script = is_script(wish);
  const bool plugin = wish.product == Product::plugin;
  const std::string suffix = plugin ? ".so" : "";
  const std::string built = (script ? "./" : "build/") + wish.type + suffix;
  // On one line each in CI, on lines of their own for people.
  const std::string compile = "cmake -S . -B build\ncmake --build build\n";
  const std::string check = script ? "make" : "ctest --test-dir build --output-on-failure";
  const std::string for_ci =
      script ? check : "cmake -S . -B build && cmake --build build && " + check;
  return {
      {"template-built-module", built},
      {"template-build-commands", script ? check : compile + check},
      {"template-check-command", for_ci},
      {"template-clients", plugin ? "Patchbay" : "Patchbay and for every client of its protocol"},
      {"template-module", wish.type},
      {"template_module", snake_case(wish.type)},
      {"TemplateModule", camel_case(wish.type)}};
}

/// In one pass: what has been put in is not looked at again.
std::string replaced(std::string_view text, const Replacements& replacements) {
  std::string out;
  while (!text.empty()) {
    const auto found = std::find_if(replacements.begin(), replacements.end(),
                                    [&](const auto& one) { return text.starts_with(one.first); });
    if (found == replacements.end()) {
      out += text.front();
      text.remove_prefix(1);
    } else {
      out += found->second;
      text.remove_prefix(found->first.size());
    }
  }
  return out;
}

Result<std::string> template_directory(const ProjectWish& wish) {
  std::string directory = wish.templates;
  if (directory.empty()) {
    std::error_code error;
    const auto program = fs::read_symlink("/proc/self/exe", error);
    directory = (program.parent_path().parent_path() / "share/patchbay/templates").string();
  }
  if (os::exists(os::join(directory, "common"))) return directory;
  return Error{ErrorCode::not_found, "no templates in " + directory +
                                         "; they come with the SDK: install it, or say where they "
                                         "are with --templates"};
}

/// Which directories of templates make up a project: what is common first, what is special last.
std::vector<std::string> parts_of(const ProjectWish& wish) {
  const std::string language = name_of(wish.language);
  const std::string whole = language + "-" + name_of(wish.product);
  if (is_script(wish)) return {"common", "script", whole};
  return {"common", language, whole};
}

Status copy_file(const fs::path& from, const std::string& to, const Replacements& replacements) {
  PB_TRY(const std::string text, os::read_file(from.string(), kLargestTemplate));
  struct stat status {};
  if (::stat(from.c_str(), &status) != 0) return Error::from_errno(errno, from.string());
  const mode_t mode = (status.st_mode & S_IXUSR) != 0 ? 0755 : 0644;
  return os::replace_file(to, as_bytes(replaced(text, replacements)), mode);
}

/// Where a template is there, it goes below `to`.
Status copy_part(const fs::path& part, const std::string& to, const Replacements& replacements) {
  std::error_code failed;
  fs::recursive_directory_iterator entries{part, failed};
  if (failed) return Error::from_errno(failed.value(), part.string());
  for (const auto& entry : entries) {
    const auto below = replaced(entry.path().lexically_relative(part).string(), replacements);
    const std::string target = os::join(to, below);
    if (entry.is_directory()) {
      PB_CHECK(os::make_directories(target, 0755));
    } else {
      PB_CHECK(copy_file(entry.path(), target, replacements));
    }
  }
  return Done{};
}

Status fill(const ProjectWish& wish, const std::string& templates) {
  const auto replacements = replacements_of(wish);
  for (const std::string& part : parts_of(wish))
    PB_CHECK(copy_part(fs::path{templates} / part, wish.type, replacements));
  return Done{};
}

}  // namespace

Result<std::string> make_project(const ProjectWish& wish) {
  PB_CHECK(check(wish));
  PB_TRY(const std::string templates, template_directory(wish));
  if (::mkdir(wish.type.c_str(), 0755) != 0) return Error::from_errno(errno, "create " + wish.type);
  if (auto filled = fill(wish, templates); !filled) {
    // What counts is why it could not be made; what remains of it is of no use.
    (void)os::remove_tree(wish.type);
    return filled.error();
  }
  return replaced(
      "made " + wish.type + "; next:\n\ncd " + wish.type + "\ntemplate-build-commands\n",
      replacements_of(wish));
}

}  // namespace patchbay::kit
