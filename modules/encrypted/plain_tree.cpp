#include "modules/encrypted/plain_tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

namespace patchbay::encrypted {
namespace {

using json = nlohmann::ordered_json;  // what is not ours stays in its order
using module::Context;
using module::Done;
using module::Error;
using module::Result;
using module::Status;

constexpr std::size_t kLongest = 64 * 1024 * 1024;
constexpr const char* kKey = "encrypted";

Result<json> object_in(const std::string& text, const std::string& what) {
  auto document = json::parse(text, nullptr, false);
  if (!document.is_object()) return Error{what + " is not a JSON object"};
  return document;
}

Result<json> meta_data_of(const Context& context) {
  PATCHBAY_TRY(const auto text, context.meta_data());
  auto document = object_in(text, "meta-data");
  if (document && document->contains(kKey)) return document;
  return Error{std::string{"meta-data has no key '"} + kKey +
               "', which says how large the files are; patchbay-artifact encrypt writes it"};
}

Result<std::string> plain_meta_data(const Context& context) {
  PATCHBAY_TRY(auto document, meta_data_of(context));
  document.erase(kKey);
  return document.empty() ? "null" : document.dump();
}

Result<std::string> plain_type_info(const Context& context, const std::string& plain_type) {
  PATCHBAY_TRY(const auto text, context.header_value("type-info"));
  PATCHBAY_TRY(auto document, object_in(text, "type-info"));
  document["type"] = plain_type;
  return document.dump();
}

Status make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), S_IRWXU) == 0) return Done{};
  return Error::from_errno(errno, "make directory " + path);
}

Status write_new(const std::string& path, const std::string& content) {
  PATCHBAY_TRY(auto file, module::NewFile::create(path));
  return file.write(content);
}

bool is_regular(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

/// Also files that later versions of the protocol may put there. The pipes are none.
Status copy_files(const std::string& from, const std::string& to) {
  PATCHBAY_TRY(const auto names, module::list_directory(from));
  for (const auto& name : names) {
    const auto path = module::join_path(from, name);
    if (!is_regular(path)) continue;
    PATCHBAY_TRY(const auto content, module::read_file(path, kLongest));
    PATCHBAY_CHECK(write_new(module::join_path(to, name), content));
  }
  return Done{};
}

Status fill(const Context& context, const std::string& plain_type, const std::string& path) {
  const auto header = module::join_path(path, "header");
  for (const auto& directory : {path, header, module::join_path(path, "tmp")})
    PATCHBAY_CHECK(make_directory(directory));
  PATCHBAY_CHECK(copy_files(context.tree(), path));
  PATCHBAY_CHECK(copy_files(module::join_path(context.tree(), "header"), header));
  PATCHBAY_TRY(const auto meta_data, plain_meta_data(context));
  PATCHBAY_TRY(const auto type_info, plain_type_info(context, plain_type));
  const std::pair<const char*, const std::string&> changed[] = {
      {"payload_type", plain_type}, {"meta-data", meta_data}, {"type-info", type_info}};
  for (const auto& [name, content] : changed) {
    const auto file = module::join_path(header, name);
    PATCHBAY_CHECK(module::remove_tree(file));
    PATCHBAY_CHECK(write_new(file, content));
  }
  return Done{};
}

}  // namespace

Result<PlainFiles> plain_files(const Context& context) {
  PATCHBAY_TRY(const auto document, meta_data_of(context));
  const auto& said = document[kKey];
  const Error wrong{"meta-data: encrypted has to be {\"sizes\": {FILE: BYTES, ...}}"};
  if (!said.is_object() || !said.contains("sizes") || !said["sizes"].is_object()) return wrong;
  for (const auto& [key, value] : said.items())
    if (key != "sizes" && key != "compression")
      return Error{"meta-data: encrypted: this module does not know the key '" + key +
                   "'; a newer one may"};
  PlainFiles files;
  files.are_compressed = said.contains("compression");
  if (files.are_compressed && said["compression"] != "zstd")
    return Error{"meta-data: encrypted: compression has to be \"zstd\", or absent"};
  for (const auto& [name, size] : said["sizes"].items()) {
    if (!size.is_number_unsigned()) return wrong;
    files.sizes[name] = size.get<std::uint64_t>();
  }
  return files;
}

std::string plain_tree_path(const Context& context) {
  return context.tmp_path("plain");
}

Status make_plain_tree(const Context& context, const std::string& plain_type,
                       const std::string& path) {
  // Under another name first, so that a tree that is there is a whole one.
  const auto fresh = path + ".new";
  PATCHBAY_CHECK(module::remove_tree(fresh));
  PATCHBAY_CHECK(fill(context, plain_type, fresh));
  PATCHBAY_CHECK(module::remove_tree(path));
  if (::rename(fresh.c_str(), path.c_str()) == 0) return Done{};
  return Error::from_errno(errno, "rename " + fresh);
}

Status sync_tree(const std::string& path) {
  const module::Fd tree{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (tree && ::syncfs(tree.get()) == 0) return Done{};
  return Error::from_errno(errno, "sync the file system of " + path);
}

}  // namespace patchbay::encrypted
