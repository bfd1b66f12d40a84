#include "modules/containers/run_options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#define JSON_NO_IO 1
#include <nlohmann/json.hpp>
#include <string_view>

#include "modules/containers/run_values.hpp"

namespace patchbay::containers {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;
using nlohmann::json;

/// What is being put together; `host` becomes HostConfig.
struct Draft {
  json body = json::object();
  json host = json::object();
  json health = json::object();
  std::string name;
  std::vector<std::string> labels;
};

using Apply = Status (*)(Draft&, const std::string&);

struct Option {
  std::string_view name;
  char letter;  ///< 0 for none
  enum class Takes : std::uint8_t { value, nothing } takes;
  Apply apply;
};

Status append(json& object, const char* key, const std::string& value) {
  object[key].push_back(value);
  return Done{};
}

Status set(json& object, const char* key, json value) {
  object[key] = std::move(value);
  return Done{};
}

template <typename Value>
Status set_parsed(json& object, const char* key, const Result<Value>& value) {
  if (!value) return value.error();
  object[key] = *value;
  return Done{};
}

Status set_health_time(Draft& draft, const char* key, const std::string& text) {
  return set_parsed(draft.health, key, parse_duration_ns(text));
}

Status publish(Draft& draft, const std::string& text) {
  PATCHBAY_TRY(const auto port, parse_port(text));
  draft.body["ExposedPorts"][port.container] = json::object();
  draft.host["PortBindings"][port.container].push_back(
      {{"HostIp", port.host_address}, {"HostPort", port.host_port}});
  return Done{};
}

Status restart(Draft& draft, const std::string& text) {
  const auto colon = text.find(':');
  const std::string policy = text.substr(0, colon);
  constexpr std::array kPolicies{"no", "always", "unless-stopped", "on-failure"};
  if (std::find(kPolicies.begin(), kPolicies.end(), policy) == kPolicies.end()) {
    return Error{"'" + text + "' is no restart policy"};
  }
  json value{{"Name", policy}};
  if (colon != std::string::npos) {
    if (policy != "on-failure") return Error{"only on-failure takes a number of retries"};
    PATCHBAY_TRY(value["MaximumRetryCount"], parse_number(text.substr(colon + 1)));
  }
  draft.host["RestartPolicy"] = std::move(value);
  return Done{};
}

Status volume(Draft& draft, const std::string& text) {
  // A container's own, unnamed volume, or host:container[:options].
  if (text.find(':') == std::string::npos) {
    draft.body["Volumes"][text] = json::object();
    return Done{};
  }
  return append(draft.host, "Binds", text);
}

Status device(Draft& draft, const std::string& text) {
  PATCHBAY_TRY(const auto parts, parse_device(text));
  draft.host["Devices"].push_back({{"PathOnHost", parts.host},
                                   {"PathInContainer", parts.container},
                                   {"CgroupPermissions", parts.permissions}});
  return Done{};
}

Status ulimit(Draft& draft, const std::string& text) {
  PATCHBAY_TRY(const auto limit, parse_ulimit(text));
  draft.host["Ulimits"].push_back(
      {{"Name", limit.name}, {"Soft", limit.soft}, {"Hard", limit.hard}});
  return Done{};
}

/// key=value into an object of texts.
Status set_pair(json& object, const char* key, const std::string& text, char separator) {
  const auto end = text.find(separator);
  const std::string name = text.substr(0, end);
  if (name.empty()) return Error{"'" + text + "' has no name"};
  object[key][name] = end == std::string::npos ? "" : text.substr(end + 1);
  return Done{};
}

Status refuse(const char* why) {
  return Error{why};
}

using Takes = Option::Takes;
constexpr Takes kValue = Takes::value;
constexpr Takes kNothing = Takes::nothing;

constexpr std::array kOptions{
    Option{"add-host", 0, kValue,
           [](Draft& d, const std::string& v) { return append(d.host, "ExtraHosts", v); }},
    Option{"cap-add", 0, kValue,
           [](Draft& d, const std::string& v) { return append(d.host, "CapAdd", v); }},
    Option{"cap-drop", 0, kValue,
           [](Draft& d, const std::string& v) { return append(d.host, "CapDrop", v); }},
    Option{"cpus", 0, kValue,
           [](Draft& d, const std::string& v) {
             return set_parsed(d.host, "NanoCpus", parse_nano(v));
           }},
    Option{"detach", 'd', kNothing, [](Draft&, const std::string&) -> Status { return Done{}; }},
    Option{"device", 0, kValue, device},
    Option{"dns", 0, kValue,
           [](Draft& d, const std::string& v) { return append(d.host, "Dns", v); }},
    Option{
        "entrypoint", 0, kValue,
        [](Draft& d, const std::string& v) { return set(d.body, "Entrypoint", json::array({v})); }},
    Option{"env", 'e', kValue,
           [](Draft& d, const std::string& v) -> Status {
             if (v.find('=') == std::string::npos)
               return Error{"'" + v + "' has no value; write " + v + "=VALUE"};
             return append(d.body, "Env", v);
           }},
    Option{"env-file", 0, kValue,
           [](Draft&, const std::string&) {
             return refuse("a file of the device is not part of the update; write --env KEY=VALUE");
           }},
    Option{"group-add", 0, kValue,
           [](Draft& d, const std::string& v) { return append(d.host, "GroupAdd", v); }},
    Option{"health-cmd", 0, kValue,
           [](Draft& d, const std::string& v) {
             return set(d.health, "Test", json::array({"CMD-SHELL", v}));
           }},
    Option{"health-interval", 0, kValue,
           [](Draft& d, const std::string& v) { return set_health_time(d, "Interval", v); }},
    Option{"health-retries", 0, kValue,
           [](Draft& d, const std::string& v) {
             return set_parsed(d.health, "Retries", parse_number(v));
           }},
    Option{"health-start-period", 0, kValue,
           [](Draft& d, const std::string& v) { return set_health_time(d, "StartPeriod", v); }},
    Option{"health-timeout", 0, kValue,
           [](Draft& d, const std::string& v) { return set_health_time(d, "Timeout", v); }},
    Option{"hostname", 'h', kValue,
           [](Draft& d, const std::string& v) { return set(d.body, "Hostname", v); }},
    Option{"init", 0, kNothing,
           [](Draft& d, const std::string&) { return set(d.host, "Init", true); }},
    Option{"interactive", 'i', kNothing,
           [](Draft& d, const std::string&) { return set(d.body, "OpenStdin", true); }},
    Option{"ipc", 0, kValue,
           [](Draft& d, const std::string& v) { return set(d.host, "IpcMode", v); }},
    Option{"label", 'l', kValue,
           [](Draft& d, const std::string& v) -> Status {
             d.labels.push_back(v);
             return Done{};
           }},
    Option{"log-driver", 0, kValue,
           [](Draft& d, const std::string& v) { return set(d.host["LogConfig"], "Type", v); }},
    Option{"log-opt", 0, kValue,
           [](Draft& d, const std::string& v) {
             return set_pair(d.host["LogConfig"], "Config", v, '=');
           }},
    Option{"memory", 'm', kValue,
           [](Draft& d, const std::string& v) {
             return set_parsed(d.host, "Memory", parse_bytes(v));
           }},
    Option{"name", 0, kValue,
           [](Draft& d, const std::string& v) -> Status {
             d.name = v;
             return Done{};
           }},
    Option{"net", 0, kValue,
           [](Draft& d, const std::string& v) { return set(d.host, "NetworkMode", v); }},
    Option{"network", 0, kValue,
           [](Draft& d, const std::string& v) { return set(d.host, "NetworkMode", v); }},
    Option{
        "no-healthcheck", 0, kNothing,
        [](Draft& d, const std::string&) { return set(d.health, "Test", json::array({"NONE"})); }},
    Option{"pid", 0, kValue,
           [](Draft& d, const std::string& v) { return set(d.host, "PidMode", v); }},
    Option{"pids-limit", 0, kValue,
           [](Draft& d, const std::string& v) {
             return set_parsed(d.host, "PidsLimit", parse_number(v));
           }},
    Option{"privileged", 0, kNothing,
           [](Draft& d, const std::string&) { return set(d.host, "Privileged", true); }},
    Option{"publish", 'p', kValue, publish},
    Option{"read-only", 0, kNothing,
           [](Draft& d, const std::string&) { return set(d.host, "ReadonlyRootfs", true); }},
    Option{"restart", 0, kValue, restart},
    Option{"rm", 0, kNothing,
           [](Draft&, const std::string&) {
             return refuse("a container that removes itself cannot be brought back by a rollback");
           }},
    Option{"security-opt", 0, kValue,
           [](Draft& d, const std::string& v) { return append(d.host, "SecurityOpt", v); }},
    Option{"shm-size", 0, kValue,
           [](Draft& d, const std::string& v) {
             return set_parsed(d.host, "ShmSize", parse_bytes(v));
           }},
    Option{"stop-signal", 0, kValue,
           [](Draft& d, const std::string& v) { return set(d.body, "StopSignal", v); }},
    Option{"stop-timeout", 0, kValue,
           [](Draft& d, const std::string& v) {
             return set_parsed(d.body, "StopTimeout", parse_number(v));
           }},
    Option{"sysctl", 0, kValue,
           [](Draft& d, const std::string& v) { return set_pair(d.host, "Sysctls", v, '='); }},
    Option{"tmpfs", 0, kValue,
           [](Draft& d, const std::string& v) { return set_pair(d.host, "Tmpfs", v, ':'); }},
    Option{"tty", 't', kNothing,
           [](Draft& d, const std::string&) { return set(d.body, "Tty", true); }},
    Option{"ulimit", 0, kValue, ulimit},
    Option{"user", 'u', kValue,
           [](Draft& d, const std::string& v) { return set(d.body, "User", v); }},
    Option{"userns", 0, kValue,
           [](Draft& d, const std::string& v) { return set(d.host, "UsernsMode", v); }},
    Option{"volume", 'v', kValue, volume},
    Option{"workdir", 'w', kValue,
           [](Draft& d, const std::string& v) { return set(d.body, "WorkingDir", v); }},
};

template <typename Matches>
Result<const Option*> find_option(const std::string& shown, Matches matches) {
  const auto* const found = std::find_if(kOptions.begin(), kOptions.end(), matches);
  if (found != kOptions.end()) return &*found;
  return Error{"the run option " + shown + " is not known here"};
}

class Parser {
 public:
  Parser(const std::vector<std::string>& words, Draft& draft) : words_{&words}, draft_{&draft} {}

  Status parse() {
    while (at_ < words_->size()) {
      const std::string& word = (*words_)[at_++];
      if (word.starts_with("--") && word.size() > 2) {
        PATCHBAY_CHECK(parse_long(word));
      } else if (word.starts_with('-') && word.size() > 1 && word[1] != '-') {
        PATCHBAY_CHECK(parse_letters(word));
      } else {
        return Error{"the run arguments hold '" + word + "', which is no option"};
      }
    }
    return Done{};
  }

 private:
  Status parse_long(const std::string& word) {
    const auto equals = word.find('=');
    const std::string shown = word.substr(0, equals);
    const std::string name = shown.substr(2);
    PATCHBAY_TRY(const Option* option,
                 find_option(shown, [&](const Option& o) { return o.name == name; }));
    if (equals == std::string::npos) return apply(*option, shown);
    const std::string value = word.substr(equals + 1);
    if (option->takes == kValue) return option->apply(*draft_, value).context(shown);
    if (value == "true") return option->apply(*draft_, "").context(shown);
    if (value == "false") return Done{};
    return Error{shown + " can be true or false, not '" + value + "'"};
  }

  Status parse_letters(const std::string& word) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      const std::string shown = std::string{"-"} + word[i];
      PATCHBAY_TRY(const Option* option,
                   find_option(shown, [&](const Option& o) { return o.letter == word[i]; }));
      if (option->takes == kValue && i + 1 < word.size()) {
        const auto value = word.substr(word[i + 1] == '=' ? i + 2 : i + 1);
        return option->apply(*draft_, value).context(shown);
      }
      PATCHBAY_CHECK(apply(*option, shown));
    }
    return Done{};
  }

  /// The value, if it takes one, is the next word.
  Status apply(const Option& option, const std::string& shown) {
    if (option.takes == kNothing) return option.apply(*draft_, "").context(shown);
    if (at_ == words_->size()) return Error{"the run option " + shown + " lacks its value"};
    return option.apply(*draft_, (*words_)[at_++]).context(shown);
  }

  const std::vector<std::string>* words_;
  Draft* draft_;
  std::size_t at_ = 0;
};

}  // namespace

Result<std::vector<std::string>> split_words(const std::string& text) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (quote == 0 && blank) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (quote != 0 && c == quote) {
      quote = 0;
    } else {
      if (c == '\\' && quote != '\'' && i + 1 < text.size()) c = text[++i];
      words.back() += c;
    }
  }
  if (quote != 0) return Error{std::string{"a quote ("} + quote + ") does not end in: " + text};
  return words;
}

Result<RunOptions> parse_run_options(const std::vector<std::string>& words) {
  Draft draft;
  PATCHBAY_CHECK(Parser(words, draft).parse());
  if (!draft.host.empty()) draft.body["HostConfig"] = std::move(draft.host);
  if (!draft.health.empty()) draft.body["Healthcheck"] = std::move(draft.health);
  return RunOptions{std::move(draft.name),
                    draft.body.dump(-1, ' ', false, json::error_handler_t::replace),
                    std::move(draft.labels)};
}

}  // namespace patchbay::containers
