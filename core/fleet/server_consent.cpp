#include "core/fleet/server_consent.hpp"

#include <utility>

namespace patchbay::fleet {
namespace {

/// A server that is overloaded should be able to spread its devices, and an update that nobody
/// confirms has to be undone while somebody still watches.
constexpr std::chrono::seconds kMostAsked = std::chrono::hours{1};

}  // namespace

ServerConsent::ServerConsent(const Parts& parts, std::string deployment, Backoff backoff)
    : parts_{parts}, deployment_{std::move(deployment)}, backoff_{backoff} {
}

Status ServerConsent::ask(flow::State state) {
  if (state == flow::State::consent_commit) return confirm();
  return tell(state == flow::State::consent_reboot ? Progress::rebooting : Progress::installing);
}

Status ServerConsent::tell(Progress progress) {
  auto told = parts_.deployments.report(deployment_, progress);
  if (told) return Done{};
  if (told.error().code() == ErrorCode::conflict) return told;
  parts_.log.warning("going on without it: " + told.error().message());
  return Done{};
}

/// Where it fails, the failure is for the server that has ordered the update.
Status ServerConsent::confirm() {
  PB_CHECK(parts_.server.renew());
  auto heard = be_heard();
  if (!heard) parts_.server.restore();
  return heard;
}

Status ServerConsent::be_heard() {
  backoff_.reset();
  auto patience = kMostAsked;
  for (;;) {
    auto told = parts_.deployments.report(deployment_, Progress::installing);
    if (told || told.error().code() == ErrorCode::conflict) return told;
    const auto asked = parts_.server.wait_asked();
    const bool is_granted = asked && *asked <= patience;
    if (is_granted) patience -= *asked;
    const auto wait = is_granted ? asked : backoff_.next();
    if (!wait) return std::move(told).context("the server was not reached before the commit");
    parts_.log.warning(told.error().message() + "; trying again in " +
                       std::to_string(wait->count()) + " s, before the commit");
    parts_.pause(*wait);
  }
}

}  // namespace patchbay::fleet
