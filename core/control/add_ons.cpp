#include "core/control/add_ons.hpp"

#include <system_error>
#include <utility>

namespace patchbay::control {

Result<std::unique_ptr<AddOns>> AddOns::start(fleet::Server& server,
                                              const fetch::TransferOptions& options, Log& log) {
  std::unique_ptr<AddOns> add_ons{new AddOns{server, options, log}};
  // Whoever asks at once waits for the rest to be there.
  const std::scoped_lock lock{add_ons->mutex_};
  server.on_login([raw = add_ons.get()](const fleet::Access& access) { raw->heard(access); });
  auto bus = Bus::start({[raw = add_ons.get()] { return raw->token(); },
                         [raw = add_ons.get()] { return raw->fetch(); }},
                        log);
  if (!bus) {
    server.on_login({});
    return std::move(bus).error();
  }
  add_ons->bus_ = *std::move(bus);
  return Result<std::unique_ptr<AddOns>>{std::move(add_ons)};
}

AddOns::AddOns(fleet::Server& server, const fetch::TransferOptions& options, Log& log)
    : server_{server}, options_{options}, log_{log} {
}

AddOns::~AddOns() {
  const std::scoped_lock lock{mutex_};
  is_ending_ = true;
}

Token AddOns::token() {
  const std::scoped_lock lock{mutex_};
  return current();
}

/// What there is for add-ons. Needs the mutex.
Token AddOns::current() {
  if (access_.token.empty()) return {};
  if (!forwarder_) {
    auto started = Forwarder::start(options_, log_);
    if (!started) {
      log_.error("add-ons cannot reach the server: " + started.error().message());
      return {};
    }
    forwarder_ = *std::move(started);
  }
  forwarder_->forward_to(access_.url);
  return Token{access_.token, forwarder_->url()};
}

/// One login at a time; whoever asks meanwhile hears how it ends as well.
bool AddOns::fetch() {
  const std::scoped_lock lock{mutex_};
  if (is_ending_) return false;
  if (is_fetching_) return true;
  try {
    login_ = std::jthread{[this] { log_in(); }};
  } catch (const std::system_error& error) {
    log_.warning(std::string{"no thread for the login of an add-on: "} + error.what());
    return false;
  }
  is_fetching_ = true;
  return true;
}

void AddOns::log_in() {
  const auto status = server_.log_in();
  const bool is_news = !status && status.error().code() != ErrorCode::cancelled;
  if (is_news) {
    log_.warning("an add-on asked for a login: " + status.error().message());
  }
  const std::scoped_lock lock{mutex_};
  is_fetching_ = false;
}

/// A login that no add-on has asked for is none of their business as long as they have a token:
/// mender-connect drops its connection when it hears of another one. If theirs is not good any more
/// the server tells them, and they ask.
void AddOns::heard(const fleet::Access& access) {
  const std::scoped_lock lock{mutex_};
  const bool has_failed = access.token.empty();
  if (has_failed && !is_fetching_) return;
  const bool is_news = is_fetching_ || access_.token.empty();
  access_ = access;
  if (is_news && bus_->is_there()) bus_->announce(current());
}

}  // namespace patchbay::control
