// patchbay-make-artifact: writes artifacts for tests, benchmarks and the demonstration. Not
// installed. What belongs to a payload (--file, --provides, ...) follows its --payload.

#include <cstdio>
#include <deque>
#include <functional>
#include <map>
#include <string>

#include "core/artifact/writer.hpp"
#include "core/os/file.hpp"

namespace patchbay {
namespace {

using artifact::ArtifactSpec;
using artifact::Compression;
using artifact::PayloadSpec;

constexpr char kUsage[] =
    R"(usage: patchbay-make-artifact --name NAME --device-type TYPE... [--group GROUP]
         [--depends-name NAME]... [--depends-group GROUP]...
         [--compression none|gzip|xz|zstd] [--key PEM]... [--script FILE]...
         (--payload TYPE|none [--file PATH|NAME=PATH]... [--meta-data FILE]
            [--provides KEY=VALUE]... [--depends KEY=VALUE]...
            [--clears PATTERN]... [--no-clears])...
         -o OUT
--payload none is the empty payload. Without --clears nothing is said about clears, which clears
everything; --no-clears keeps everything.
)";

struct Request {
  ArtifactSpec spec;
  std::string out;
};

Error wrong(const std::string& what) {
  return {ErrorCode::invalid_input, what};
}

Result<std::string> read(const std::string& path) {
  return os::read_file(path, 64 * kMiB);
}

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

Result<std::pair<std::string, std::string>> key_and_value(const std::string& text) {
  const auto at = text.find('=');
  if (at == std::string::npos) return wrong(text + " is not KEY=VALUE");
  return std::pair{text.substr(0, at), text.substr(at + 1)};
}

PayloadSpec::File file_of(const std::string& text) {
  const auto at = text.find('=');
  if (at == std::string::npos) return {base_name(text), text};
  return {text.substr(0, at), text.substr(at + 1)};
}

Result<Compression> compression_of(const std::string& text) {
  static const std::map<std::string, Compression> kNames{{"none", Compression::none},
                                                         {"gzip", Compression::gzip},
                                                         {"xz", Compression::xz},
                                                         {"zstd", Compression::zstd}};
  const auto found = kNames.find(text);
  if (found == kNames.end()) return wrong("unknown compression " + text);
  return found->second;
}

using Handler = std::function<Status(const std::string&)>;

std::map<std::string, Handler> artifact_options(Request& request) {
  ArtifactSpec& spec = request.spec;
  const auto append = [](std::vector<std::string>& list) {
    return [&list](const std::string& value) -> Status {
      list.push_back(value);
      return Done{};
    };
  };
  const auto set = [](auto& target) {
    return [&target](const std::string& value) -> Status {
      target = value;
      return Done{};
    };
  };
  return {{"--name", set(spec.name)},
          {"--group", set(spec.group)},
          {"-o", set(request.out)},
          {"--device-type", append(spec.compatible_types)},
          {"--depends-name", append(spec.depends_names)},
          {"--depends-group", append(spec.depends_groups)},
          {"--compression",
           [&spec](const std::string& value) -> Status {
             PB_TRY(spec.compression.kind, compression_of(value));
             return Done{};
           }},
          {"--key",
           [&spec](const std::string& value) -> Status {
             PB_TRY(const auto pem, read(value));
             PB_TRY(auto key, artifact::SigningKey::from_pem(value, pem));
             spec.signing_keys.push_back(std::move(key));
             return Done{};
           }},
          {"--script",
           [&spec](const std::string& value) -> Status {
             PB_TRY(auto content, read(value));
             spec.scripts.push_back({base_name(value), std::move(content)});
             return Done{};
           }},
          {"--payload", [&spec](const std::string& value) -> Status {
             PayloadSpec payload;
             if (value != "none") payload.type = value;
             spec.payloads.push_back(std::move(payload));
             return Done{};
           }}};
}

std::map<std::string, std::function<Status(PayloadSpec&, const std::string&)>> payload_options() {
  return {{"--file",
           [](PayloadSpec& payload, const std::string& value) -> Status {
             payload.files.push_back(file_of(value));
             return Done{};
           }},
          {"--meta-data",
           [](PayloadSpec& payload, const std::string& value) -> Status {
             PB_TRY(payload.meta_data, read(value));
             return Done{};
           }},
          {"--provides",
           [](PayloadSpec& payload, const std::string& value) -> Status {
             PB_TRY(auto pair, key_and_value(value));
             payload.provides.insert_or_assign(pair.first, pair.second);
             return Done{};
           }},
          {"--depends",
           [](PayloadSpec& payload, const std::string& value) -> Status {
             PB_TRY(auto pair, key_and_value(value));
             payload.depends[pair.first].push_back(pair.second);
             return Done{};
           }},
          {"--clears", [](PayloadSpec& payload, const std::string& value) -> Status {
             if (!payload.clears) payload.clears.emplace();
             payload.clears->push_back(value);
             return Done{};
           }}};
}

Status parse(std::deque<std::string> arguments, Request& request) {
  const auto of_artifact = artifact_options(request);
  const auto of_payload = payload_options();
  auto& payloads = request.spec.payloads;
  while (!arguments.empty()) {
    const std::string option = arguments.front();
    arguments.pop_front();
    if (option == "--no-clears" && !payloads.empty()) {
      payloads.back().clears.emplace();
      continue;
    }
    const auto for_artifact = of_artifact.find(option);
    const auto for_payload = of_payload.find(option);
    if (for_artifact == of_artifact.end() && for_payload == of_payload.end())
      return wrong("unknown option " + option);
    if (arguments.empty()) return wrong(option + " needs a value");
    const std::string value = arguments.front();
    arguments.pop_front();
    if (for_artifact != of_artifact.end()) {
      PB_CHECK(for_artifact->second(value).context(option));
      continue;
    }
    if (payloads.empty()) return wrong(option + " stands before the first --payload");
    PB_CHECK(for_payload->second(payloads.back(), value).context(option));
  }
  return request.out.empty() ? Status{wrong("-o is missing")} : Done{};
}

int run(std::deque<std::string> arguments) {
  Request request;
  if (auto status = parse(std::move(arguments), request); !status) {
    std::fprintf(stderr, "patchbay-make-artifact: %s\n%s", status.error().message().c_str(),
                 kUsage);
    return 64;
  }
  if (auto status = artifact::write_artifact(request.spec, request.out); !status) {
    std::fprintf(stderr, "patchbay-make-artifact: %s\n", status.error().message().c_str());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace patchbay

int main(int argc, char** argv) {
  return patchbay::run({argv + 1, argv + argc});
}
