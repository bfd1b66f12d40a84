#include "core/base/bytes.hpp"
#include "sdk/artifact/image.hpp"
#include "sdk/artifact/image_tools.hpp"

namespace patchbay::artifact_tool {
namespace {

constexpr const char* kPackage = "mtools";

Error refuse(ErrorCode code, std::string message) {
  return {code, std::move(message)};
}

/// Neither allowed in a name, or a pattern for mtools.
Status check_name(const std::string& path) {
  const std::size_t at = path.find_first_of("*?[]\\:\"<>|");
  if (at == std::string::npos) return Done{};
  return refuse(ErrorCode::invalid_input,
                "\"" + path + "\": \"" + path[at] + "\" is not possible in a FAT file system");
}

class FatImage final : public Image {
 public:
  explicit FatImage(std::string path) : path_{std::move(path)} {}

  [[nodiscard]] Result<std::optional<Entry>> stat(const std::string& path) const override {
    PB_CHECK(check_name(path));
    Entry directory;
    directory.kind = Kind::directory;
    if (path == "/") return std::optional{directory};
    // Names are compared as mtools compares them, without the case of letters.
    PB_TRY(const bool there, has(path));
    if (!there) return std::optional<Entry>{};
    PB_TRY(const bool is_directory, has(path + "/"));
    return std::optional{is_directory ? directory : Entry{Kind::file, 0644, 0, 0}};
  }

  [[nodiscard]] Status copy_out(const std::string& path, const std::string& host) const override {
    PB_TRY(const auto entry, stat(path));
    if (!entry) return nothing_at(path);
    if (entry->kind != Kind::file)
      return refuse(ErrorCode::invalid_input, "\"" + path + "\" is not a regular file");
    return call("mcopy", {"-n", inside(path), host});
  }

  Status copy_in(const std::string& host, const std::string& path, const Entry&) override {
    PB_CHECK(need_place_for_file(path));
    return call("mcopy", {"-o", host, inside(path)}).context("write \"" + path + "\"");
  }

  Status make_directories(const std::string& path) override {
    return for_each_missing(
        path, [this](const std::string& missing) { return call("mmd", {inside(missing)}); });
  }

  Status remove(const std::string& path, Depth depth) override {
    if (path == "/") return refuse(ErrorCode::denied, "the root of the image cannot be removed");
    PB_TRY(const auto entry, stat(path));
    if (!entry) return nothing_at(path);
    if (entry->kind == Kind::file) return call("mdel", {inside(path)});
    if (depth == Depth::all) return call("mdeltree", {inside(path)});
    PB_TRY(const Answer listing, ask("mdir", {"-a", "-b", inside(path + "/")}));
    if (listing.exit.output.empty()) return call("mrd", {inside(path)});
    return refuse(ErrorCode::conflict,
                  "\"" + path + "\" is a directory that is not empty; --recursive removes it");
  }

  /// Images of devices in use are often not quite in order; that is not for us to refuse.
  [[nodiscard]] Status check() const override {
    if (!was_in_order_) return Done{};
    PB_TRY(const Answer answer, ask_checker());
    if (answer.exit.success()) return Done{};
    return refuse(ErrorCode::io, "fsck.vfat is not content with the changed image: " +
                                     printable(answer.exit.output + answer.errors, 1000));
  }

  /// Has to be called before the first change.
  Status remember_state() {
    PB_TRY(const Answer answer, ask_checker());
    was_in_order_ = answer.exit.success();
    return Done{};
  }

 private:
  static std::string inside(const std::string& path) { return "::" + path; }

  [[nodiscard]] Result<Answer> ask_checker() const {
    PB_TRY(const std::string program, find_program("fsck.vfat", "dosfstools"));
    return run_program(program, {"-n", path_});
  }

  [[nodiscard]] Result<Answer> ask(const std::string& name,
                                   const std::vector<std::string>& arguments) const {
    PB_TRY(const std::string program, find_program(name, kPackage));
    std::vector<std::string> all{"-i", path_};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run_program(program, std::move(all));
  }

  [[nodiscard]] Status call(const std::string& name,
                            const std::vector<std::string>& arguments) const {
    PB_TRY(const Answer answer, ask(name, arguments));
    if (answer.exit.success()) return Done{};
    return refuse(
        ErrorCode::io,
        name + ": " + (answer.errors.empty() ? answer.exit.describe() : printable(answer.errors)));
  }

  /// Whether there is something; with a slash at the end, whether there is a directory.
  [[nodiscard]] Result<bool> has(const std::string& path) const {
    PB_TRY(const Answer answer, ask("mattrib", {inside(path)}));
    if (answer.exit.success()) return true;
    if (answer.errors.find("not found") != std::string::npos) return false;
    return refuse(ErrorCode::io, "mattrib: " + printable(answer.errors));
  }

  std::string path_;
  bool was_in_order_ = false;
};

}  // namespace

Result<std::unique_ptr<Image>> open_fat_image(const std::string& path) {
  auto image = std::make_unique<FatImage>(path);
  PB_CHECK(image->remember_state());
  return std::unique_ptr<Image>{std::move(image)};
}

}  // namespace patchbay::artifact_tool
