#include <CLI/CLI.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/artifact/names.hpp"
#include "sdk/artifact/artifact_file.hpp"
#include "sdk/artifact/change.hpp"
#include "sdk/artifact/command_line.hpp"
#include "sdk/artifact/commands.hpp"
#include "sdk/artifact/outcome.hpp"
#include "sdk/artifact/passage.hpp"
#include "sdk/artifact/request.hpp"
#include "sdk/artifact/transfer.hpp"

namespace patchbay::artifact_tool {
namespace {

using json = nlohmann::ordered_json;
using artifact::PayloadFile;

constexpr const char* kKey = "encrypted";  // of meta-data
constexpr const char* kSizes = "sizes";

constexpr const char* kCompression = "compression";

struct CryptOptions {
  std::string artifact;
  std::vector<std::string> keys;  ///< for age: option, value, option, value
  std::optional<std::size_t> payload;
  std::string compression = "zstd";
  std::string temporary;
  ChangeOptions change;
};

Error refuse(std::string message) {
  return {ErrorCode::invalid_input, std::move(message)};
}

/// Whether the payload can be changed in this direction; the reason if not.
Status check(const artifact::PayloadHeader& payload, Direction direction) {
  if (!payload.type) return refuse("is empty");
  if (direction == Direction::encrypt && is_encrypted(payload))
    return refuse("is encrypted already (" + *payload.type + ")");
  if (direction == Direction::decrypt && !is_encrypted(payload))
    return refuse("is not encrypted (" + *payload.type + ")");
  return Done{};
}

/// The payloads to change: the one that was asked for, or all that can be.
Result<std::vector<PassageOf>> choose(const artifact::Header& header, const CryptOptions& options,
                                      Direction direction) {
  std::vector<PassageOf> chosen(header.payloads.size());
  if (options.payload && *options.payload >= chosen.size())
    return refuse("there is no payload " + artifact::index_text(*options.payload) + "; there are " +
                  std::to_string(chosen.size()));
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (options.payload && i != *options.payload) continue;
    const auto sound = check(header.payloads[i], direction);
    // Beside others, what has nothing to encrypt stays as it is; half an encryption does not pass
    // for a whole one.
    const bool may_stay =
        !options.payload && (direction == Direction::decrypt || !header.payloads[i].type);
    if (!sound && !may_stay) return sound.error().context("payload " + artifact::index_text(i));
    chosen[i].chosen = sound.has_value();
  }
  return chosen;
}

Result<json> meta_data_of(const artifact::PayloadSpec& payload) {
  if (payload.meta_data.empty()) return json::object();
  auto document = json::parse(payload.meta_data, nullptr, false);
  if (document.is_null()) return json::object();
  if (!document.is_object()) return refuse("meta-data is not a JSON object");
  return document;
}

Status mark_encrypted(artifact::PayloadSpec& payload, const json& sizes, bool compressed) {
  PB_TRY(json document, meta_data_of(payload));
  if (document.contains(kKey))
    return refuse(std::string{"meta-data has a key '"} + kKey + "' already");
  document[kKey] = json{{kSizes, sizes}};
  if (compressed) document[kKey][kCompression] = "zstd";
  payload.meta_data = document.dump();
  *payload.type += kEncryptedSuffix;
  return Done{};
}

Status mark_plain(artifact::PayloadSpec& payload, const json& sizes) {
  PB_TRY(json document, meta_data_of(payload));
  const json& said = document[kKey];
  const bool is_said = said.is_object() && said.contains(kSizes);
  // Without regard to the order.
  if (!is_said || nlohmann::json(said[kSizes]) != nlohmann::json(sizes))
    return refuse("what was decrypted has not the sizes that its meta-data tells");
  document.erase(kKey);
  payload.meta_data = document.empty() ? "" : document.dump();
  payload.type->erase(payload.type->size() - kEncryptedSuffix.size());
  return Done{};
}

Result<std::uint64_t> plain_size(const Passage& passage, const PayloadFile& file,
                                 Direction direction) {
  if (direction == Direction::encrypt) return file.size;
  struct stat info {};
  const std::string path = passage.path_of(file);
  if (::stat(path.c_str(), &info) != 0) return Error::from_errno(errno, path);
  return static_cast<std::uint64_t>(info.st_size);
}

using SizesOfPayloads = std::map<std::size_t, json>;

/// What the files are without encryption; for payloads that have files.
Result<SizesOfPayloads> plain_sizes(const artifact::Contents& contents, const Passage& passage,
                                    Direction direction) {
  SizesOfPayloads sizes;
  for (const PayloadFile& file : contents.files) {
    if (!passage.chosen(file.payload)) continue;
    PB_TRY(sizes[file.payload][file.name], plain_size(passage, file, direction));
  }
  return sizes;
}

/// Nothing makes ciphertext smaller.
bool all_is_ciphertext(const artifact::Contents& contents, const Passage& passage) {
  return std::all_of(contents.files.begin(), contents.files.end(),
                     [&](const PayloadFile& file) { return passage.chosen(file.payload); });
}

Result<artifact::Change> change_for(const artifact::Contents& contents, const Passage& passage,
                                    Direction direction) {
  artifact::Change change;
  change.header = artifact::spec_of(contents.header);
  for (const PayloadFile& file : contents.files) {
    if (!passage.chosen(file.payload)) continue;
    change.files[file.payload][file.name] =
        artifact::NewFile{passage.path_of(file), file.mode, file.mtime};
  }
  PB_TRY(const auto sizes, plain_sizes(contents, passage, direction));
  if (sizes.empty()) return refuse("what was chosen has no files");
  for (const auto& [index, of_files] : sizes) {
    auto& payload = change.header->payloads[index];
    auto marked = direction == Direction::encrypt
                      ? mark_encrypted(payload, of_files, passage.compressed(index))
                      : mark_plain(payload, of_files);
    if (!marked) return std::move(marked).error().context("payload " + artifact::index_text(index));
  }
  if (direction == Direction::encrypt && all_is_ciphertext(contents, passage))
    change.compression = artifact::CompressionSettings{artifact::Compression::none, {}, 0};
  return change;
}

bool says_compressed(const artifact::PayloadHeader& payload) {
  const auto document = json::parse(payload.meta_data, nullptr, false);
  return document.is_object() && document.contains(kKey) && document[kKey].is_object() &&
         document[kKey].contains(kCompression);
}

Result<std::vector<PassageOf>> chosen_in(const CryptOptions& options, Direction direction) {
  PB_TRY(os::FdSource source, open_artifact(options.artifact));
  auto reader = artifact::Reader::open(source, {});
  if (!reader) return std::move(reader).error();
  PB_TRY(auto chosen, choose(reader->header(), options, direction));
  if (std::none_of(chosen.begin(), chosen.end(), [](const PassageOf& of) { return of.chosen; }))
    return refuse(direction == Direction::encrypt ? "there is nothing to encrypt in it"
                                                  : "no payload of it is encrypted");
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    chosen[i].compressed = direction == Direction::encrypt
                               ? options.compression != "none"
                               : says_compressed(reader->header().payloads[i]);
  }
  return chosen;
}

Result<artifact::CompressionSettings> compression_in(const CryptOptions& options) {
  PB_TRY(auto compression, parse_compression(options.compression));
  if (compression.kind == artifact::Compression::zstd ||
      compression.kind == artifact::Compression::none)
    return compression;
  return refuse("--compression \"" + options.compression +
                "\": what is encrypted is compressed with zstd, or not at all (none)");
}

Status pass(const Call& call, const CryptOptions& options, Direction direction) {
  if (options.artifact == "-") return refuse("an artifact from standard input cannot be changed");
  PassageSettings settings{direction, options.keys, {}, {}};
  PB_TRY(settings.compression, compression_in(options));
  PB_TRY(settings.payloads, chosen_in(options, direction).context(options.artifact));
  PB_TRY(auto temporary, TemporaryDirectory::make(options.temporary));
  Passage passage{std::move(settings), std::move(temporary)};
  PB_TRY(const auto contents, passage.read(options.artifact));
  PB_TRY(auto change, change_for(contents, passage, direction).context(options.artifact));
  return apply_change(call, options.artifact, contents, std::move(change), options.change);
}

void add_common_options(CLI::App& app, CryptOptions& options) {
  app.add_option("artifact", options.artifact, "The artifact")->required()->type_name("ARTIFACT");
  app.add_option("--payload", options.payload, "Index of the payload (default: all)")
      ->type_name("INDEX");
  // Under both names of this program: the other one's has no such command.
  add_change_options(app, options.change, Face::patchbay);
  add_temporary_option(app, options.temporary);
}

/// Adds an option of age, given once or more, and hands it on.
void add_key_option(CLI::App& app, CryptOptions& options, const std::string& names,
                    const std::string& of_age, const char* help, const char* type) {
  app.add_option_function<std::vector<std::string>>(
         names,
         [&options, of_age](const std::vector<std::string>& values) {
           for (const std::string& value : values) {
             options.keys.push_back(of_age);
             options.keys.push_back(value);
           }
         },
         help)
      ->type_name(type)
      ->allow_extra_args(false);
}

int finish(const Call& call, const CryptOptions& options, Direction direction) {
  const auto passed = pass(call, options, direction);
  return passed ? exit_code(call.face, Outcome::done) : fail(call, passed.error());
}

}  // namespace

int encrypt(const Call& call) {
  CryptOptions options;
  CLI::App app{
      "Encrypts the files of a payload with age, for devices that have one of the identities.\n"
      "What an artifact says about itself, its meta-data too, stays readable."};
  add_key_option(app, options, "-r,--recipient", "--recipient",
                 "Who is to decrypt it: age1..., of age-keygen", "RECIPIENT");
  add_key_option(app, options, "-R,--recipients-file", "--recipients-file",
                 "A file with one of them in a line", "FILE");
  app.add_option("--compression", options.compression,
                 "Of the files, before they are encrypted: none, zstd[:1-19]")
      ->type_name("HOW")
      ->capture_default_str();
  add_common_options(app, options);
  if (const auto code = parse(app, call,
                              "  " + program_name(call.face) +
                                  " encrypt -R fleet.recipients -k private.pem update.mender"))
    return *code;
  if (options.keys.empty())
    return fail(call, Outcome::usage,
                refuse("nobody to encrypt for: give --recipient or --recipients-file"));
  return finish(call, options, Direction::encrypt);
}

int decrypt(const Call& call) {
  CryptOptions options;
  CLI::App app{"Makes an artifact what it was before encrypt."};
  add_key_option(app, options, "-i,--identity", "--identity", "A file with the secret key", "FILE");
  add_common_options(app, options);
  if (const auto code = parse(app, call,
                              "  " + program_name(call.face) +
                                  " decrypt -i device.agekey -o plain.mender "
                                  "update.mender"))
    return *code;
  if (options.keys.empty())
    return fail(call, Outcome::usage, refuse("no key to decrypt with: give --identity"));
  return finish(call, options, Direction::decrypt);
}

}  // namespace patchbay::artifact_tool
